import type { Cell, Row } from "../rows.ts";

/**
 * Puts texts into the page with minimal changes: unchanged nodes keep a selection or focus. `endLabel` makes the label of a
 * button. Otherwise self-contained.
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

  /** The button of a cell: made once, since a line keeps its key and thus the sessions that the button ends. */
  function newButton({ what, name }: NonNullable<Cell["ends"]>): Element {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.does = what;
    button.dataset.name = name;
    button.ariaLabel = endLabel(what, name);
    button.textContent = "End";
    return button;
  }

  /** Updates the lines of `parent` to `rows`. */
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
    // Moving a node would lose its selection or focus.
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
    /** Sets the texts of the places with these names. */
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
