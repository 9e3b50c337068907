import type { Cell, Row } from "../rows.ts";

/**
 * Puts texts into the page, with as little change as can be: what stays may be selected, or read aloud. `endLabel` is what a
 * button is called. It needs nothing else outside of itself.
 */
export function patching(endLabel: (what: "session" | "user" | "client", name: string) => string) {
  function write(node: Element, text: string): void {
    if (node.textContent !== text) node.textContent = text;
  }

  function element(tag: string): Element {
    const made = document.createElement(tag);
    if (tag === "tr") made.role = "row";
    if (tag === "td") made.role = "cell";
    return made;
  }

  function newCell(line: Element, tag: string): Element {
    const cell = element(tag);
    line.append(cell, " ");
    cell.append(element("span"), element("small"));
    return cell;
  }

  /** The button of a cell: a line keeps its key, and so whose sessions it ends. */
  function newButton({ what, name }: NonNullable<Cell["ends"]>): Element {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.does = what;
    button.dataset.name = name;
    button.ariaLabel = endLabel(what, name);
    button.textContent = "End";
    return button;
  }

  /** Makes the lines of `parent` those of `rows`. */
  function lines(parent: Element, rows: readonly Row[], lineTag: "tr" | "li", cellTag: "td" | "span"): void {
    const there = new Map(Array.from(parent.children, (line) => [line.getAttribute("data-key"), line]));
    const wanted = rows.map(({ key, cells }) => {
      const line = there.get(key) ?? element(lineTag);
      there.delete(key);
      line.setAttribute("data-key", key);
      cells.forEach(({ text, note = "", kind = "", ends }, at) => {
        const cell = line.children[at] ?? newCell(line, cellTag);
        if (cell.className !== kind) cell.className = kind;
        write(cell.children[0]!, text);
        write(cell.children[1]!, note);
        if (ends && !cell.children[2]) cell.append(newButton(ends));
      });
      return line;
    });
    const kept = new Set(wanted);
    for (const line of Array.from(parent.children)) if (!kept.has(line)) line.remove();
    const selection = getSelection()!;
    const focused = parent !== document.activeElement && parent.contains(document.activeElement);
    // What moves is neither selected nor focused any more.
    const held = focused || (!selection.isCollapsed && parent.contains(selection.anchorNode));
    let next = parent.firstElementChild;
    for (const line of wanted) {
      if (line === next) next = next.nextElementSibling;
      else if (!held || !line.parentNode) parent.insertBefore(line, held ? null : next);
    }
  }

  return {
    lines,
    text: write,
    /** All that is shown as that name. */
    places(texts: Readonly<Record<string, string>>): void {
      for (const node of document.querySelectorAll<HTMLElement>("[data-is]")) {
        const text = texts[node.dataset.is!];
        if (text !== undefined) write(node, text);
      }
    },
    table(id: string, rows: readonly Row[]): void {
      const table = document.getElementById(id)!;
      table.classList.toggle("empty", rows.length === 0);
      lines(table.querySelector("tbody")!, rows, "tr", "td");
    },
  };
}
