/**
 * The style sheet of the page: light and dark, from the width of a phone.
 *
 * @module
 */

/** The style sheet. */
export const css = `
:root { color-scheme: light dark; --page: #fbfbfa; --card: #fff; --ink: #1d1f23; --soft: #5b616b; --line: #e3e4e6;
  --bar: #2f6fb5; --bar2: #b5682f; --good: #1c7a3f; --warn: #8a5a00; --bad: #b3261e; --said: #f3f4f6; }
@media (prefers-color-scheme: dark) { :root { --page: #15171a; --card: #1d2024; --ink: #e6e7e9; --soft: #a0a6b0;
  --line: #33373d; --bar: #6ea8e5; --bar2: #e0a06a; --good: #6fcf8e; --warn: #e0b15a; --bad: #ff8a80; --said: #262a2f; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif;
  -webkit-text-size-adjust: 100%; }
main, header, footer { max-width: 64rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; }
p { margin: .5rem 0; }
a { color: var(--bar); }
.soft, caption, footer { color: var(--soft); }
.small, caption, footer { font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0;
  padding: 0; }
.tiles div { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .85rem; }
.tiles dt { color: var(--soft); font-size: .8125rem; }
.tiles dd { margin: 0; font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.tiles dd small { display: block; font-size: .8125rem; font-weight: 400; color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: .4rem; }
th, td { text-align: left; padding: .35rem .75rem .35rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--soft); font-size: .8125rem; white-space: nowrap; }
tbody th { color: inherit; font-size: inherit; white-space: normal; overflow-wrap: anywhere; min-width: 8rem; }
.num { text-align: right; white-space: nowrap; }
td.nowrap { white-space: nowrap; }
.clamp { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; min-width: 9rem;
  overflow-wrap: anywhere; }
svg { display: block; width: 100%; height: auto; }
svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--line); }
svg .bar { fill: var(--bar); }
svg .line { fill: none; stroke: var(--bar); stroke-width: 2; stroke-linejoin: round; }
svg .dot { fill: var(--bar); }
.bars { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr max-content; gap: .45rem .75rem;
  align-items: center; margin: 0; font-variant-numeric: tabular-nums; }
.bars .name { overflow-wrap: anywhere; }
.bars .track { height: .8rem; }
.bars .fill { display: block; height: 100%; min-width: 2px; border-radius: 2px; background: var(--bar); }
.good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
.note { border-left: 3px solid var(--warn); padding: .1rem .75rem; margin: .75rem 0; }
.note.bad { border-color: var(--bad); color: inherit; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; }
details > *:not(summary) { margin-left: 1rem; margin-right: 1rem; }
summary { cursor: pointer; padding: .65rem 1rem; overflow-wrap: anywhere; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--bar); outline-offset: 2px; }
.chartdata { background: none; border: 0; margin: .5rem 0 0; }
.chartdata summary { padding: .25rem 0; color: var(--soft); font-size: .875rem; }
.chartdata > *:not(summary) { margin: 0; }
article { border-top: 1px solid var(--line); margin-top: 1.25rem; }
h3 { font-size: 1rem; margin: .9rem 0 0; overflow-wrap: anywhere; } h3 span { font-weight: 400; }
article p { overflow-wrap: anywhere; }
.said { scroll-margin-top: 9rem; } .said, .said ol { list-style: none; padding: 0; margin-top: 0; margin-bottom: 0; }
.said > li { scroll-margin-top: 1rem; }
.entry { margin: 1.1rem 0; padding-left: .8rem; border-left: 3px solid var(--line); }
.user { border-color: var(--bar); } .system { border-color: var(--warn); } .summary { border-color: var(--good); }
.head { font-size: .8125rem; color: var(--soft); overflow-wrap: anywhere; }
h4 { display: inline; font-size: .9375rem; margin: 0 .35rem 0 0; color: var(--ink); text-transform: capitalize; }
h4 span { font-weight: 400; text-transform: none; }
.text { white-space: pre-wrap; overflow-wrap: anywhere; margin: .2rem 0; max-width: 46rem; }
pre { margin: .35rem 0 0; padding: .6rem .8rem; background: var(--said); border-radius: .4rem; white-space: pre-wrap;
  overflow-wrap: anywhere; font: .875rem/1.5 ui-monospace, monospace; }
.part { background: none; margin: .4rem 0 0; }
.part > *:not(summary) { margin: 0 .6rem .6rem; }
.part > .label { margin-bottom: .1rem; }
.part summary { padding: .35rem .7rem; font-size: .875rem; }
.part[open] summary code { display: none; }
.label { font-size: .8125rem; color: var(--soft); }
.kind { font-weight: 600; overflow-wrap: anywhere; }
.outcome { display: block; padding-left: 1.1rem; }
code { overflow-wrap: anywhere; } time { white-space: nowrap; }
figure { margin: .4rem 0 0; }
figure img { display: block; max-width: min(100%, 20rem); max-height: 12rem; border: 1px solid var(--line);
  border-radius: .4rem; background: var(--said); }
.mark { margin: .7rem 0; font-size: .8125rem; color: var(--soft); overflow-wrap: anywhere; }
.mark > p { margin: 0; display: flex; flex-wrap: wrap; gap: 0 .4rem; align-items: center; }
.mark > p::before, .mark > p::after { content: ""; flex: 1 1 1.5rem; border-top: 1px solid var(--line); }
.mark .part { color: var(--ink); font-size: 1rem; }
.boundary { margin: 1.4rem 0; } .boundary p { margin: 0; padding: .3rem 0; border-top: 3px double var(--ink); font-weight: 600; }
.gone > details { background: none; border-style: dashed; border-color: var(--soft); }
.gone > details > summary { color: var(--soft); font-size: .875rem; }
.gone .text, .gone h4 { color: var(--soft); }
.skip { position: absolute; left: -999rem; } .skip:focus { left: 1rem; top: .5rem; padding: .3rem .6rem; background: var(--card); }
footer { padding-top: 2rem; padding-bottom: 2rem; }
@media (max-width: 40rem) { .bars { gap: .3rem .6rem; }
  details > *:not(summary) { margin-left: .6rem; margin-right: .6rem; }
  .part summary code { display: block; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; }
  svg text { font-size: 21px; } th, td { padding-right: .6rem; } }
@media print { .skip { display: none; } .entry, .part, tr { break-inside: avoid; } h2, h3, .head { break-after: avoid; } }
`;
