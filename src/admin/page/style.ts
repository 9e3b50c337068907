/** One hue for each relay type, told apart by who sees few colours too (Okabe and Ito), and light and dark grounds. */
export const style = `
:root { color-scheme: light dark; --ground: #f6f6f4; --card: #fff; --ink: #1d1f21; --dim: #5d6166; --line: #e3e4e6;
  --a: #0072b2; --b: #a65500; --c: #007a5a; --d: #a8478a; --bad: #b3261e; --good: #1c7c3c }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131517; --card: #1b1e20; --ink: #e8e9ea; --dim: #a0a5aa; --line: #2e3235;
    --a: #5db6ec; --b: #f0a04b; --c: #3fc79a; --d: #dd8cc4; --bad: #ff897d; --good: #6fd08c } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.25rem; max-width: 84rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1, h3, p, ul, dl, dd { margin: 0; padding: 0 }
h1 { font-size: 1.25rem; letter-spacing: -.01em } h2 { font-size: 1rem; margin: 0 0 .4rem } .bar h2 { margin: 0 } h3 { font-size: .9rem; font-weight: 500 }
small { font-size: .82em; color: var(--dim); display: block } small:empty, .dim:empty { display: none }
.dim, th { color: var(--dim); font-weight: 400 }
.bad { color: var(--bad) } .good { color: var(--good) }
a { color: inherit } :focus-visible { outline: 2px solid var(--a); outline-offset: 2px; border-radius: .2rem }
html:not(.scripted) :is(.scripted, .spark, [data-column=rate], #sessions td:nth-child(8)), .scripted .unscripted { display: none }

header { display: flex; flex-wrap: wrap; gap: .35rem 1rem; align-items: baseline; margin-bottom: 1rem }
header > .dim { margin-left: auto }
#state::before, #parts li > :first-child::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%;
  margin-right: .4em; background: currentColor }
#parts { flex-basis: 100%; display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none }
#parts li > * > * { display: inline } #parts li > :first-child { margin-right: .1em }
#link { position: sticky; top: .5rem; z-index: 1; padding: .6rem 1rem; margin-bottom: 1rem; border-radius: .6rem;
  background: var(--bad); color: var(--card); font-weight: 600 }
#link[hidden] { display: none }
main { display: grid; gap: 1rem; transition: opacity .3s } .lost :is(main, #state, #parts) { opacity: .5 } .lost .drift { animation-play-state: paused }

.tiles { display: grid; grid-template-columns: repeat(3, 1fr) 2.4fr; gap: 1rem }
.tiles > div, section { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem; min-width: 0 }
.tiles > div { position: relative; overflow: hidden; padding: .8rem 1rem }
dt { color: var(--dim); font-size: .85rem } dd b { font-size: 1.6rem; font-weight: 600; letter-spacing: -.02em }
.Throughput .spark { position: absolute; inset: .8rem 1rem .8rem auto; width: 38%; height: auto }

.relays { display: grid; grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); gap: .5rem 1.5rem; align-items: center }
.relays h2 { grid-column: 1 / -1 }
.flow { width: 100%; height: auto; display: block }
.flow rect { fill: var(--ground); stroke: var(--line) } .flow .gateway { fill: none; stroke: var(--dim); stroke-dasharray: 2 4 }
.flow text { font-size: 13px; fill: var(--ink); text-anchor: middle } .flow .family { font-size: 16px; font-weight: 600 }
.flow :is(.side, .name) { fill: var(--dim) }
.band path { fill: none } .body { stroke: var(--hue); opacity: .38; transition: stroke-width .9s linear }
.drift { stroke: var(--hue); stroke-width: 3; stroke-linecap: round; stroke-dasharray: 1 17; opacity: 0; transition: opacity .5s }
.moving .drift { opacity: .9; animation: drift 1.2s linear infinite } .back .drift { animation-direction: reverse }
@keyframes drift { from { stroke-dashoffset: 18 } to { stroke-dashoffset: 0 } }
.band circle { fill: var(--hue) } .flow .letter { fill: var(--card); font-weight: 700 }
.flow .rate { text-anchor: start; paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round }
.A { --hue: var(--a) } .B { --hue: var(--b) } .C { --hue: var(--c) } .D { --hue: var(--d) } .type { color: var(--hue); font-weight: 700 }
.four { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
.card { border: 1px solid var(--line); border-left: .3rem solid var(--hue); border-radius: .5rem; padding: .6rem .8rem .3rem; min-width: 0 }
.card p { font-size: .88rem } .card p b { font-size: 1.25rem; font-weight: 600 }
.spark { width: 100%; height: 2rem; display: block; --hue: var(--ink) } .card .spark { --hue: inherit }
.spark path { fill: none; vector-effect: non-scaling-stroke } .spark .line { stroke: var(--hue); stroke-width: 1.5px }
.spark .area { fill: var(--hue); opacity: .14 }

.bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: .5rem }
form { display: flex; gap: .75rem; align-items: baseline; min-width: 0 }
input, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--dim); border-radius: .4rem; padding: .3rem .6rem; min-width: 0 }
table { border-collapse: separate; border-spacing: 0; width: 100% } .empty { display: none } .empty + .instead { display: block }
.instead { display: none; color: var(--dim) }
.scroll { max-height: 34rem; overflow: auto; overscroll-behavior: auto } thead th { position: sticky; top: 0; background: var(--card) }
#reasons { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; list-style: none; margin-bottom: .5rem; font-size: .88rem }
#reasons:empty { display: none } #reasons li > :first-child { font-weight: 600 } #reasons small { display: none }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line) }
th { font-size: .85rem; white-space: nowrap } th a { text-decoration: none; display: block } th a:hover { text-decoration: underline }
[aria-sort=ascending] a::after { content: " ↑" } [aria-sort=descending] a::after { content: " ↓" }
th[aria-sort]:not([aria-sort=none]) { color: var(--ink); font-weight: 600 }
tbody tr:last-child td { border-bottom: 0 } tbody tr:hover { background: color-mix(in srgb, var(--ink) 4%, transparent) }
td > * { overflow-wrap: anywhere } #sessions td:nth-child(2) > span, #failures td:nth-child(4) > span { overflow-wrap: break-word }
td:first-child { white-space: nowrap } #sessions :is(td, th):first-child { color: var(--dim) }

@media print, (min-width: 52rem) {
  #sessions :is(td, th):is(:first-child, :nth-child(n+5)), #failures td:nth-child(2) { text-align: right; white-space: nowrap }
  #sessions :is(td, th):first-child { width: 1% } #sessions :is(td, th):nth-child(3) { min-width: 11rem }
  #sessions :is(td, th):last-child { padding-right: 0; min-width: 6rem }
}
@media (min-width: 60rem) { main { grid-template-columns: 1fr 2.2fr } main > :not(.upstreams, .failures) { grid-column: 1 / -1 } main > * { align-self: start } }
@media (max-width: 64rem) { th, td { padding-right: .6rem } table { font-size: .92rem } }
@media (max-width: 60rem) {
  main { grid-template-columns: minmax(0, 1fr) } .relays { grid-template-columns: minmax(0, 1fr) }
  .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)) } .Throughput { grid-column: 1 / -1 } }
@media screen and (max-width: 51.99rem) {
  body { padding: .75rem } header > .dim { margin: 0 } .tiles { gap: .5rem } .tiles > div { padding: .6rem .7rem } dd b { font-size: 1.2rem }
  main { gap: .75rem } section { padding: .75rem } .relays { gap: .75rem }
  .flow text { font-size: 20px } .flow .family { font-size: 24px } .flow .letter { font-size: 15px } .flow .rate { display: none } .flow .side { font-size: 16px }
  .four { gap: .5rem } .card { padding: .5rem .6rem .2rem } .card p { font-size: .8rem } form, input[type=search] { flex: 1 }
  .scroll { max-height: none; overflow: visible } table:not(.empty), tbody { display: block }
  thead { display: block; margin-bottom: .25rem } thead tr { display: flex; flex-wrap: wrap; gap: 0 1rem } thead th { border: 0; padding: .2rem 0; position: static }
  :is(#upstreams, #failures) thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
  tbody tr { display: grid; padding: .6rem 0; gap: .1rem .75rem; border-bottom: 1px solid var(--line) } tbody tr:last-child { border: 0 }
  td { border: 0; padding: 0; min-width: 0 !important }
  #sessions tr { grid-template-columns: repeat(4, minmax(0, auto)); justify-content: space-between }
  #sessions :is(td, th) { padding: 0 } #sessions thead tr { justify-content: flex-start }
  #sessions td:nth-child(2) { grid-area: 1 / 1 / auto / span 3 } #sessions td:nth-child(4) { grid-area: 1 / 4; text-align: right }
  #sessions td:nth-child(3) { grid-area: 2 / 1 / auto / span 4 } #sessions td:nth-child(1) { grid-area: 3 / 1 } #sessions td:nth-child(8) { grid-area: 4 / 1 / auto / span 4; display: flex; gap: 1rem }
  #sessions td:nth-child(1)::before { content: "#" } #sessions td:nth-child(6)::before { content: "↑ " } #sessions td:nth-child(7)::before { content: "↓ " }
  #sessions td:is(:nth-child(6), :nth-child(7)) > span { display: inline } #sessions td:nth-child(8) small { font-size: 1em; color: inherit } #sessions .idle { display: none !important }
  #failures tr { grid-template-columns: 1fr auto } #failures td:nth-child(n+3) { grid-column: 1 / -1 } #failures td:first-child { color: var(--dim) }
  #upstreams tr { grid-template-columns: auto 1fr } #upstreams td:last-child { grid-column: 1 / -1 }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important } }
@media print { body { max-width: none } table { font-size: .75rem } form, #link { display: none } .scroll { max-height: none; overflow: visible } section, .tiles > div { break-inside: avoid } }
`;
