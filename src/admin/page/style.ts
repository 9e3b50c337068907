/** One hue for each relay type, told apart by who sees few colours too (Okabe and Ito), and light and dark grounds. */
export const style = `
:root { color-scheme: light dark; --ground: #fbfbfa; --card: #fff; --ink: #1d1f21; --dim: #5d6166; --line: #e3e4e6;
  --a: #0072b2; --b: #b35c00; --c: #007a5a; --d: #a8478a; --bad: #b3261e; --good: #1c7c3c }
@media (prefers-color-scheme: dark) {
  :root { --ground: #16181a; --card: #1f2224; --ink: #e8e9ea; --dim: #a0a5aa; --line: #33373a;
    --a: #5db6ec; --b: #f0a04b; --c: #3fc79a; --d: #dd8cc4; --bad: #ff897d; --good: #6fd08c } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.25rem; max-width: 80rem; background: var(--ground); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1 { margin: 0; font-size: 1.3rem } h2 { margin: 0 0 .5rem; font-size: 1rem }
header { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: baseline; margin-bottom: 1rem }
.dim, th, dt { color: var(--dim); font-weight: 500 }
.bad { color: var(--bad) } .good { color: var(--good) }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem; margin-bottom: 1rem }
.four { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; margin-bottom: 1rem }
.four section { margin: 0; border-left: .35rem solid var(--hue) }
.A { --hue: var(--a) } .B { --hue: var(--b) } .C { --hue: var(--c) } .D { --hue: var(--d) }
.four b { font-size: 1.5rem; display: block } .type { color: var(--hue); font-weight: 600 }
meter { width: 100%; height: .5rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; width: 100%; white-space: nowrap }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line) }
td.number, th.number { text-align: right } td.long { white-space: normal; overflow-wrap: anywhere; min-width: 12rem }
a { color: inherit } a[aria-current] { color: var(--ink); font-weight: 700 } p { margin: 0 }
`;
