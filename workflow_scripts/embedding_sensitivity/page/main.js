"use strict";
// Which view is shown: what the address says after #.
const VIEWS = { answer: ["Answer", viewAnswer], cell: ["One effect", viewCell], tables: ["Tables", viewTables], provenance: ["Provenance", viewProvenance] };
if (CONTENTS.tables.paper_comparison) VIEWS.paper = ["The paper's figures", viewPaper];

function render() {
  const place = where(), name = place.view in VIEWS ? place.view : "answer", main = document.getElementById("main");
  stop();
  for (const plot of main.querySelectorAll(".js-plotly-plot")) Plotly.purge(plot);
  const current = place => place === name ? "page" : null;
  document.getElementById("nav").replaceChildren(
    ...Object.entries(VIEWS).map(([view, [title]]) => make("a", { href: address({ view }), "aria-current": current(view) }, title)),
    make("button", { class: "small", onclick: () => navigator.clipboard?.writeText(location.href).then(() => say("Copied the link to this view."), () => say(location.href)) ?? say(location.href) }, "Copy link"));
  const selects = () => [...main.querySelectorAll("select")];
  const chosen = selects().indexOf(document.activeElement);
  // Figures are drawn once they are in the page, for their width.
  const found = VIEWS[name][1](place).flat().filter(Boolean);
  main.replaceChildren(...found);
  main.dataset.view = name;
  document.title = `${RUN.experiment}: ${VIEWS[name][0]}`;
  // A choice by keyboard keeps its place.
  if (chosen >= 0) selects()[chosen]?.focus({ preventScroll: true });
  return name;
}

document.getElementById("title").textContent = `How sensitive are embeddings? Experiment ${RUN.experiment}`;
let shown = render();
addEventListener("hashchange", () => {
  const before = shown;
  shown = render();
  if (shown !== before) { scrollTo(0, 0); document.getElementById("main").focus(); }
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", recolour);
addEventListener("beforeprint", recolour);
addEventListener("afterprint", recolour);
