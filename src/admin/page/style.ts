/** One hue for each relay type, distinct with colour blindness too (Okabe and Ito); light and dark themes. */
export const style = `
:root { color-scheme: light dark; --ground: #f6f6f4; --card: #fff; --ink: #1d1f21; --dim: #5d6166; --line: #e3e4e6;
  --a: #0072b2; --b: #a65500; --c: #007a5a; --d: #a8478a; --bad: #b3261e; --warn: #8a5a00; --good: #1c7c3c }
@media (prefers-color-scheme: dark) {
  :root { --ground: #131517; --card: #1b1e20; --ink: #e8e9ea; --dim: #a0a5aa; --line: #2e3235;
    --a: #5db6ec; --b: #f0a04b; --c: #3fc79a; --d: #dd8cc4; --bad: #ff897d; --warn: #e5b454; --good: #6fd08c } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.25rem; max-width: 84rem; background: var(--ground); color: var(--ink);
  font: 15px/1.45 system-ui, sans-serif; font-variant-numeric: tabular-nums }
h1, h2, h3, p, ul, dl, dd { margin: 0; padding: 0 }
h1 { font-size: 1.25rem; letter-spacing: -.01em } h2 { font-size: 1rem } h3 { font-size: .9rem; font-weight: 500 }
small { font-size: .82em; color: var(--dim); display: block } small:empty, .dim:empty { display: none }
.dim, th, .none { color: var(--dim); font-weight: 400 }
.bad { color: var(--bad) } .warn { color: var(--warn) } .good { color: var(--good) }
a { color: inherit } :focus-visible { outline: 2px solid var(--a); outline-offset: 2px; border-radius: .2rem }
.unseen { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
html:not(.scripted) :is(.scripted, .acts, [data-column=rate], #sessions td:nth-child(8)), .scripted .unscripted,
  body:not(.acting) :is(.acts, .doing) { display: none }

header { display: grid; grid-template-columns: auto auto 1fr auto auto; gap: .35rem 1rem; align-items: baseline; margin-bottom: 1rem }
nav { display: flex; flex-wrap: wrap; gap: 0 1rem } .doing { display: flex; gap: .5rem }
#access { grid-column: 1 / 4 } #access, #parts { font-size: .9rem }
#state::before, #parts li > :first-child::before { content: ""; display: inline-block; width: .6em; height: .6em; border-radius: 50%;
  margin-right: .4em; background: currentColor }
#parts { grid-column: 1 / -1; display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none }
#parts li > * > * { display: inline } #parts li > :first-child { margin-right: .1em }
#link, #said:not(:empty) { position: sticky; top: .5rem; z-index: 1; padding: .6rem 1rem; margin-bottom: 1rem; border-radius: .6rem;
  background: var(--bad); color: var(--card); font-weight: 600 }
#said:not(:empty) { background: var(--good) }
#link[hidden] { display: none }
main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; transition: opacity .3s }
.lost :is(main, #state, #parts) { opacity: .5 } .lost .drift { animation-play-state: paused }
section { background: var(--card); border: 1px solid var(--line); border-radius: .7rem; padding: 1rem; min-width: 0 }
section > h2 { margin-bottom: .4rem }
.bar { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: baseline; justify-content: space-between; margin-bottom: .5rem }

.wrong { border-left: .35rem solid var(--bad) } .wrong.nothing { border-left-color: var(--good); padding-block: .6rem } .nothing h2 { margin: 0 }
#findings { list-style: none; display: grid; gap: .35rem } #findings li > :first-child { font-weight: 600; margin-right: .5em } #findings li > * > * { display: inline }
#findings small { margin-left: .4em } #findings :empty { margin: 0 }

.spans a { margin-left: .75rem } .spans [aria-current] { font-weight: 600; text-decoration: none }
.tiles { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); gap: .75rem 1.25rem }
dt { color: var(--dim); font-size: .85rem } .tile dd b { font-size: 1.35rem; font-weight: 600; letter-spacing: -.02em; white-space: nowrap }
.tile.all { grid-column: span 2 } .tile.all dd b { font-size: 1.25rem } .tile.failures { --hue: var(--bad) }
.spark { width: 100%; height: 2.2rem; display: block; margin: .15rem 0; --hue: var(--ink) } :is(.card, .failures) .spark { --hue: inherit }
.spark path { fill: none; vector-effect: non-scaling-stroke } .spark .line { stroke: var(--hue); stroke-width: 1.5px }
.spark .area { fill: var(--hue); opacity: .14 }

.relays { display: grid; grid-template-columns: minmax(0, 1.35fr) minmax(0, 1fr); gap: .5rem 1.5rem; align-items: center }
.relays h2 { grid-column: 1 / -1; margin: 0 }
.flow { width: 100%; height: auto; display: block }
.flow rect { fill: var(--ground); stroke: var(--line) } .flow .gateway { fill: none; stroke: var(--dim); stroke-dasharray: 2 4 }
.flow text { font-size: 13px; fill: var(--ink); text-anchor: middle } .flow .family { font-size: 16px; font-weight: 600 }
.flow :is(.side, .name, .unit) { fill: var(--dim) } .flow .unit { text-anchor: start }
.band path { fill: none } .body { stroke: var(--hue); opacity: .38; transition: stroke-width .9s linear } .mark { stroke: var(--dim); opacity: .5 }
.drift { stroke: var(--hue); stroke-width: 3; stroke-linecap: round; stroke-dasharray: 1 17; opacity: 0; transition: opacity .5s }
.moving .drift { opacity: .9; animation: drift 1.2s linear infinite } .back .drift { animation-direction: reverse }
@keyframes drift { from { stroke-dashoffset: 18 } to { stroke-dashoffset: 0 } }
.band circle { fill: var(--hue) } .flow .letter { fill: var(--card); font-weight: 700 }
.flow .rate { text-anchor: start; paint-order: stroke; stroke: var(--card); stroke-width: 4px; stroke-linejoin: round }
.A { --hue: var(--a) } .B { --hue: var(--b) } .C { --hue: var(--c) } .D { --hue: var(--d) } .type { color: var(--hue); font-weight: 700 }
.four { display: grid; grid-template-columns: 1fr 1fr; gap: .75rem }
.card { border: 1px solid var(--line); border-left: .3rem solid var(--hue); border-radius: .5rem; padding: .6rem .8rem .3rem; min-width: 0 }
.card p { font-size: .88rem } .card p b { font-size: 1.25rem; font-weight: 600 }

.most { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 1rem }
.kinds { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin-bottom: .6rem } .kinds dd b { font-size: 1.2rem; font-weight: 600 } .kinds small { display: inline } .kinds dd { white-space: nowrap }

form[role=search] { display: flex; gap: .75rem; align-items: baseline; min-width: 0 }
input, button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--dim); border-radius: .4rem; padding: .3rem .6rem; min-width: 0 }
button { cursor: pointer } button:disabled { opacity: .5 }
.acts button { padding: 0 .5rem; font-size: .85rem } .acts :is(span, small):empty { display: none }
table { border-collapse: separate; border-spacing: 0; width: 100% } .empty { display: none } .empty + .instead { display: block }
.instead { display: none; color: var(--dim) }
.scroll { max-height: 34rem; overflow: auto; overscroll-behavior: auto } thead th { position: sticky; top: 0; background: var(--card); z-index: 1 }
th, td { text-align: left; vertical-align: top; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line) }
th { font-size: .85rem; white-space: nowrap } th a { text-decoration: none; display: block } th a:hover { text-decoration: underline }
[aria-sort=ascending] a::after { content: " ↑" } [aria-sort=descending] a::after { content: " ↓" }
th[aria-sort]:not([aria-sort=none]) { color: var(--ink); font-weight: 600 }
tbody tr:last-child td { border-bottom: 0 } tbody tr:hover { background: color-mix(in srgb, var(--ink) 4%, transparent) }
td > * { overflow-wrap: anywhere } #sessions td:nth-child(2) > span, #failures td:nth-child(4) > span { overflow-wrap: break-word }
#sessions :is(td, th):first-child { color: var(--dim) } :is(#failures, #sessions, #upstreams) td:first-child { white-space: nowrap }
:is(#clients, #users, #destinations, #rules) :is(td, th):not(:first-child) { text-align: right; white-space: nowrap; width: 1% }
:is(#clients, #users, #destinations, #rules) :is(td, th):last-child { padding-right: 0 }
.fold { position: relative } .more { display: none; position: absolute; top: 1rem; right: 1rem; color: var(--dim); cursor: pointer }
.most tbody tr:nth-child(n+7) { display: none }
section:has(.more input:checked) tbody tr { display: table-row }
.most section:has(tr:nth-child(n+7)) .more { display: block }

dialog { color: inherit; background: var(--card); border: 1px solid var(--dim); border-radius: .7rem; padding: 1.25rem; width: min(30rem, calc(100vw - 2rem)) }
dialog::backdrop { background: #0008 } dialog form { display: grid; gap: .75rem } dialog .bar { margin: 0; justify-content: flex-end }
dialog label { display: block } dialog input { width: 100% } dialog [hidden], #ask-trouble:empty { display: none } #ask-trouble { white-space: pre-line; overflow-wrap: anywhere }
#ask-what { overflow-wrap: anywhere } #ask-do { background: var(--bad); border-color: var(--bad); color: var(--card); font-weight: 600 }

@media print, (min-width: 52rem) {
  #sessions :is(td, th):is(:first-child, :nth-child(n+5)), #failures td:nth-child(2) { text-align: right; white-space: nowrap }
  #sessions :is(td, th):first-child { width: 1% } #sessions :is(td, th):nth-child(3) { min-width: 11rem }
  #sessions :is(td, th):last-child { padding-right: 0 } #sessions :is(td, th):nth-child(8) { min-width: 6rem }
}
@media (max-width: 64rem) { th, td { padding-right: .6rem } table { font-size: .92rem } }
@media (max-width: 60rem) {
  .relays, .most { grid-template-columns: minmax(0, 1fr) } .tiles { grid-template-columns: repeat(3, minmax(0, 1fr)) } .tile.all { grid-column: span 1 }
  header { display: flex; flex-wrap: wrap } #parts, #access { flex-basis: 100% } }
@media screen and (max-width: 51.99rem) {
  body { padding: .5rem; font-size: 14px } header { gap: .2rem .75rem; margin-bottom: .5rem } nav, .doing { font-size: .82rem }
  main, .most { gap: .5rem } section { padding: .55rem .7rem } .relays { gap: .4rem } .spans a { margin-left: .5rem } .bar { margin-bottom: .3rem; gap: .2rem 1rem }
  #parts, header > .dim:not(#access) { display: none } #access { font-size: .82rem } nav { order: 2; margin-right: auto; gap: 0 .6rem } .doing { order: 3 } #access { order: 4 } .doing button { padding: .1rem .5rem }
  .tiles { grid-template-columns: minmax(0, 1.4fr) minmax(0, 1fr); gap: .3rem 1rem } .tile dd b, .tile.all dd b { font-size: .9rem } .tile small + small { display: none } .spark { height: 1.4rem }
  dt { font-size: .8rem }
  .flow text { font-size: 20px } .flow .family { font-size: 24px } .flow .letter { font-size: 15px } .flow .rate { display: none } .flow .side { font-size: 16px }
  .four { gap: .35rem .5rem } .card { padding: .2rem .5rem } .card p { font-size: .8rem } .card p b { font-size: 1rem } .card :is(.moved, .spark, .dim) { display: none } .card { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 .5rem } .card h3 { flex-basis: 100% } .card h3 { font-size: .8rem }
  .kinds { display: grid; gap: 0; margin-bottom: 0 } .kinds > div { display: flex; justify-content: space-between; gap: .5rem } .kinds dd b { font-size: .9rem }
  form[role=search], input[type=search] { flex: 1 }
  .scroll { max-height: none; overflow: visible } :is(#sessions, #failures, #upstreams):not(.empty), :is(#sessions, #failures, #upstreams) tbody { display: block }
  #sessions thead { display: block } #sessions thead tr { display: flex; flex-wrap: wrap; gap: 0 .55rem } #sessions thead th { border: 0; padding: .1rem 0; position: static }
  :is(#upstreams, #failures) thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden }
  :is(#sessions, #failures, #upstreams) tbody tr, section:has(.more input:checked) :is(#sessions, #failures, #upstreams) tbody tr { display: grid; padding: .3rem 0; gap: 0 .75rem; border-bottom: 1px solid var(--line) }
  :is(#sessions, #failures, #upstreams) tbody tr:last-child { border: 0 }
  :is(#sessions, #failures, #upstreams) td { border: 0; padding: 0; min-width: 0 !important } :is(#clients, #users, #destinations, #rules) :is(td, th) { padding-block: .1rem } .acts button { padding: 0 .4rem; line-height: 1.3; font-size: .8rem }
  :is(#clients, #users, #destinations) :is(td, th):nth-child(3) { display: none }
  section:not(:has(.more input:checked)) :is(#clients, #users, #destinations) td:first-child { max-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; width: 99% }
  #sessions thead tr { font-size: .8rem }
  #sessions tbody tr { grid-template-columns: repeat(4, minmax(0, auto)) auto !important; justify-content: space-between }
  #sessions :is(td, th) { padding: 0 } #sessions thead tr { justify-content: flex-start } #sessions th.acts { display: none }
  #sessions td:nth-child(2) { grid-area: 1 / 1 / auto / span 3 } #sessions td:nth-child(4) { grid-area: 1 / 4; text-align: right }
  #sessions td:nth-child(3) { grid-area: 2 / 1 / auto / span 4 } #sessions td:nth-child(1) { grid-area: 3 / 1 } #sessions td:nth-child(8) { grid-area: 4 / 1 / auto / span 4; display: flex; gap: 1rem }
  #sessions td.acts { grid-area: 1 / 5 / span 4; align-self: center }
  #sessions td:nth-child(1)::before { content: "#" } #sessions td:nth-child(6)::before { content: "↑ " } #sessions td:nth-child(7)::before { content: "↓ " }
  #sessions td:is(:nth-child(6), :nth-child(7)) > span { display: inline } #sessions td:nth-child(8) small { font-size: 1em; color: inherit } #sessions .idle { display: none !important }
  #failures tr { grid-template-columns: 1fr auto } #failures td:nth-child(n+3) { grid-column: 1 / -1 } #failures td:first-child { color: var(--dim) }
  #upstreams tr { grid-template-columns: auto 1fr } #upstreams td:last-child { grid-column: 1 / -1 }
  section:not(:has(.more input:checked)) :is(#clients, #users, #destinations) tbody tr:nth-child(n+4),
  section:not(:has(.more input:checked)) #sessions tbody tr:nth-child(n+3),
  section:not(:has(.more input:checked)) > .hidden,
  section:not(:has(.more input:checked)) > .scroll:has(:is(#rules, #failures, #upstreams) tbody tr) { display: none }
  .most section:has(tr:nth-child(n+4)) .more, section:has(#sessions tr:nth-child(n+3)) .more,
  section:has(:is(#rules, #failures, #upstreams) tbody tr) .more { display: block; top: .55rem; right: .7rem } section:has(#sessions) .more { position: static; padding: .15rem 0 }
}
@media (prefers-reduced-motion: reduce) { * { animation: none !important; transition: none !important } }
@media print { body { max-width: none } table { font-size: .75rem } form, #link, .doing, .more { display: none } .scroll { max-height: none; overflow: visible } section { break-inside: avoid } }
`;
