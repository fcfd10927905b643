"use strict";
// The views: each returns its elements.
const statisticOf = name => CONTENTS.statistics.find(each => each.name === name) ?? CONTENTS.statistics[0];

function viewAnswer(place) {
  const counts = CONTENTS.recordings;
  const names = { untrained: "untrained control", handcrafted: "handcrafted control" };
  const findings = CONTENTS.findings.map(finding => make("li", { class: finding.is_clear ? "clear" : "open" },
    make("strong", {}, finding.question), make("p", {}, finding.text),
    finding.model ? make("a", { href: address({ view: "cell", model: finding.model, effect: finding.effect, statistic: finding.statistic }) },
      `${finding.effect} with ${finding.model}`) : null));
  return [
    make("h2", {}, "What came out"),
    make("ol", { class: "findings" }, findings),
    make("p", {}, `Data: ${RUN.clips}. ${counts.train_clips} training clips of ${counts.train_recordings} recordings, ${counts.test_clips} test clips of ${counts.test_recordings} recordings; labels: ${RUN.labels.join(", ")}.`),
    make("details", { open: true }, make("summary", {}, `Caveats, before reading: ${CONTENTS.caveats.length}`),
      make("ul", { id: "caveats" }, CONTENTS.caveats.map(text => make("li", {}, text)))),
    make("h2", { id: "matrix-title" }, "Models and effects"),
    ...viewMatrix(statisticOf(place.statistic), names),
    viewClaims(),
  ];
}

function viewMatrix(statistic, names) {
  const cells = new Map(CONTENTS.cells[statistic.name].map(cell => [`${cell.model} ${cell.effect}`, cell]));
  const entry = (model, effect) => {
    const cell = cells.get(`${model.name} ${effect.name}`);
    if (!cell) return make("td", {}, make("a", { href: address({ view: "cell", model: model.name, effect: effect.name, statistic: statistic.name }) }, "not known"));
    const link = address({ view: "cell", model: model.name, effect: effect.name, statistic: statistic.name });
    return make("td", { style: `--shade: ${cell.shade ?? 0}` }, make("a", { href: link }, make("b", {}, cell.text), make("small", {}, cell.between)));
  };
  const rows = CONTENTS.cells[statistic.name].map(({ keys, ...cell }) => cell);
  return [
    make("div", { class: "controls" },
      choose("Show", CONTENTS.statistics.map(each => [each.name, each.title]), statistic.name, name => { location.hash = address({ statistic: name }, where()); }),
      csvButton(`matrix_${statistic.name}`, rows), sourceButton(statistic.table, {}, statistic.column)),
    make("p", { class: "faint" }, statistic.meaning),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-labelledby": "matrix-title" },
      make("table", { class: "matrix" },
        make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "model"), RUN.effects.map(effect =>
          make("th", { scope: "col" }, effect.name, make("br"), make("small", { class: "faint" }, effect.made && [effect.made, make("br")], levelAxis(effect).title))))),
        make("tbody", {}, RUN.models.map(model => make("tr", {},
          make("th", { scope: "row" }, model.name, model.control ? [make("br"), make("small", { class: "faint" }, names[model.control])] : null),
          RUN.effects.map(effect => entry(model, effect))))))),
  ];
}

function viewClaims() {
  const rows = rowsOf("claims");
  const claims = [...groupBy(rows, "claim").keys()];
  const cases = [...new Set(rows.map(row => `${row.model}\n${row.effect}`))].map(text => text.split("\n"));
  const marks = { supported: "✓ supported", "not supported": "✗ not supported", "cannot tell": "? cannot tell" };
  return make("details", {}, make("summary", {}, "Which of the paper's claims hold here"),
    make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Claims" }, make("table", { class: "data" },
      make("thead", {}, make("tr", {}, ["model", "effect", ...claims.map(claim => claim.replaceAll("_", " "))].map(text => make("th", { scope: "col", style: "white-space: normal" }, text)))),
      make("tbody", {}, cases.map(([model, effect]) => make("tr", {}, make("th", { scope: "row" }, model), make("td", {}, effect),
        claims.map(claim => make("td", {}, marks[rows.find(row => row.claim === claim && row.model === model && row.effect === effect)?.verdict] ?? "")))))),
    ), make("div", { class: "controls" }, csvButton("claims", rows), sourceButton("claims", {}, "verdict")));
}

function viewCell(place) {
  const model = MODELS.get(place.model) ?? RUN.models[0], effect = EFFECTS.get(place.effect) ?? RUN.effects[0];
  const go = change => { location.hash = address(change, where()); };
  const curve = place.curve in CURVES ? place.curve : "recall";
  const label = RUN.labels.includes(place.label) ? place.label : "";
  const numbers = CONTENTS.statistics.map(statistic => {
    const cell = CONTENTS.cells[statistic.name].find(each => each.model === model.name && each.effect === effect.name);
    return make("tr", {}, make("th", { scope: "row" }, statistic.title), make("td", { class: "number" }, cell?.text ?? "not known"),
      make("td", { class: "number" }, cell?.between ?? ""), make("td", {}, cell ? sourceButton(cell.table, cell.keys, statistic.column) : null));
  });
  const trained = rowsOf("trained_untrained", { model: model.name, effect: effect.name })[0];
  if (trained) numbers.push(make("tr", {}, make("th", { scope: "row" }, "Correlation that training adds"), make("td", { class: "number" }, formatNumber(trained.difference)),
    make("td", { class: "number" }, trained.difference_low === null ? "" : `${formatNumber(trained.difference_low)} to ${formatNumber(trained.difference_high)}`),
    make("td", {}, sourceButton("trained_untrained", { model: model.name, effect: effect.name }, "difference"))));
  return [
    make("h2", {}, `${effect.name} with ${model.title}`),
    make("div", { class: "controls" },
      choose("Model", RUN.models.map(each => [each.name, each.title]), model.name, name => go({ model: name })),
      choose("Effect", RUN.effects.map(each => [each.name, each.name]), effect.name, name => go({ effect: name, level: "" })),
      make("a", { href: address({ view: "provenance", model: model.name }) }, "What it is made of")),
    model.control ? make("p", { class: "faint" }, `${model.name} is a control (${model.control}): what it shows too is no property of training.`) : null,
    make("div", { class: "scroll" }, make("table", {}, make("thead", {}, make("tr", {}, ["", "value", "range", ""].map(text => make("th", { scope: "col" }, text)))), make("tbody", {}, numbers))),
    make("h2", {}, "By level"),
    make("div", { class: "controls" },
      choose("Curve", Object.entries(CURVES).map(([name, each]) => [name, each.title]), curve, name => go({ curve: name })),
      choose("Label", [["", "all"], ...RUN.labels.map(each => [each, each])], label, name => go({ label: name, of: "", clip: "" }))),
    curvesOf(model.name, effect, curve, label),
    make("h2", {}, "Single clips"),
    viewCourses(place, model, effect, RUN.labels.includes(place.of) ? place.of : label || RUN.labels[0]),
    make("h2", {}, "By label"),
    make("div", { class: "two" }, orderOf(model.name, effect), sharingOf(model.name, effect)),
    make("div", { class: "two" }, energyOf(model.name, effect), debiasingOf(model.name, effect)),
    changeOf(model.name, effect),
    depthOf(model.name, effect, statisticOf(place.statistic).name),
  ];
}

// The level that moves clips most, where that is known.
function strongestLevel(model, effect) {
  const cell = CONTENTS.cells.displacement.find(each => each.model === model.name && each.effect === effect.name);
  return cell?.keys.level ?? effect.levels.at(-1);
}

function viewCourses(place, model, effect, label) {
  const rows = rowsOf("courses", { model: model.name, effect: effect.name, label });
  const clips = [...groupBy(rows, "clip").keys()];
  if (!clips.length) return make("p", { class: "empty" }, `There is no test clip of ${label}.`);
  const picked = { clip: clips.includes(place.clip) ? place.clip : clips[0], level: effect.levels.includes(place.level) ? place.level : strongestLevel(model, effect) };
  const hear = canHear(effect.name) && heardClips(label).length > 0;
  const note = make("p", { class: "faint" });
  const plot = make("div", { class: "plot", role: "img", "aria-label": `Courses of test clips of ${label} as ${effect.name} grows` });
  const spectra = make("div", { class: "two" }, ["original", "effect"].map(name => make("div", { class: "spectrogram", id: `spectrogram-${name}`, role: "img", "aria-label": `Spectrogram: ${name}` })));
  const can = () => hear && picked.clip in SOUNDS.clips;
  const start = level => play(picked.clip, effect.name, level).catch(error => say(`Cannot play ${picked.clip}: ${error.message}`));
  const heard = () => nearestLevel(effect.name, picked.level);
  const buttons = [make("button", { id: "play-original", onclick: () => start("original") }, "▶ Original"), make("button", { id: "play-effect", onclick: () => start(heard()) }, `▶ With ${effect.name}`), make("button", { onclick: stop }, "■ Stop")];
  const update = async () => {
    history.replaceState(null, "", address({ ...picked, of: label }, where()));
    for (const button of buttons) button.disabled = !can();
    if (!can()) note.textContent = hear ? "This clip cannot be heard: the page holds sounds of fewer clips." : "Nothing can be heard of this: the page holds no sounds of it.";
    else note.textContent = heard() === picked.level ? "" : `Heard is ${withUnit(heard(), effect)}, the nearest level that the page holds.`;
    drawCourses(plot, model.name, effect, label, picked, pick);
    spectra.hidden = !can();
    if (!can()) return;
    for (const [name, level] of [["original", "original"], ["effect", heard()]]) {
      const found = await sound(picked.clip, effect.name, level);
      const target = spectra.querySelector(`#spectrogram-${name}`);
      if (target.isConnected) drawSpectrogram(target, spectrogram(found), name === "original" ? "original" : withUnit(level, effect));
    }
  };
  const lists = {};
  function pick(clip, level) {
    if (level !== "original") picked.level = level;
    picked.clip = clip;
    lists.clip.querySelector("select").value = clip;
    lists.level.querySelector("select").value = picked.level;
    update();
    if (can()) start(level === "original" ? level : heard());
  }
  lists.clip = choose("Clip", clips.map(clip => [clip, clip]), picked.clip, clip => { picked.clip = clip; update(); });
  lists.level = choose("Level", effect.levels.map(level => [level, withUnit(level, effect)]), picked.level, level => { picked.level = level; update(); });
  const share = rows[0].share;
  queueMicrotask(update);
  return make("figure", {}, make("h3", {}, `Courses of clips of ${label}`),
    make("div", { class: "controls" }, choose("Label", RUN.labels.map(each => [each, each]), label, name => { location.hash = address({ of: name, clip: "" }, where()); }),
      lists.clip, lists.level, ...buttons), note, plot,
    make("figcaption", {}, `Each line is a test clip, from level to level; the star is its original. The plane shows ${share === null ? "no" : `${(100 * share).toFixed(0)} % of the`} variance of these points. ${hear ? "Click a point to hear it. Sounds are Opus, at most 3 s; a reverb starts from silence." : ""}`),
    spectra,
    make("div", { class: "controls" }, csvButton("courses", rows), sourceButton("courses", { model: model.name, effect: effect.name, label }, "x")));
}

function viewTables() {
  return [make("h2", {}, "Tables"), make("p", {}, "All numbers of this page are in these files, beside it. Open a table to see what each column means."),
    Object.entries(CONTENTS.tables).map(([name, table]) => make("details", {}, make("summary", {}, `${name}: ${table.n_rows} rows`),
      make("p", {}, table.file ? make("a", { href: table.file }, table.file) : "In the folder analysis, a file for each model and effect.",
        table.length < table.n_rows ? ` The page holds ${table.length} of the rows: ${[...Object.entries(table.only).map(([key, value]) => `${key} ${value}`), table.thinned].filter(Boolean).join(", ")}.` : ""),
      make("table", { class: "data" }, make("tbody", {}, Object.entries(table.columns).map(([column, meaning]) =>
        make("tr", {}, make("th", { scope: "row" }, column), make("td", { style: "white-space: normal" }, meaning))))))),
    make("p", {}, "Of the run: ", make("a", { href: "manifest.json" }, "manifest.json"), " (hashes of all inputs and outputs), ", make("a", { href: "clips.csv" }, "clips.csv"), ", ", make("a", { href: "tables/" }, "all tables"), ", ", make("a", { href: "figures/" }, "figures"), "."),
  ];
}

function viewProvenance(place) {
  const stores = CONTENTS.provenance.filter(store => !place.model || store.model === place.model);
  const show = value => value !== null && typeof value === "object"
    ? make("table", { class: "data" }, make("tbody", {}, Object.entries(value).map(([key, each]) => make("tr", {}, make("th", { scope: "row" }, key), make("td", { style: "white-space: normal" }, show(each))))))
    : make("span", { class: "number" }, String(value));
  return [make("h2", {}, "What the embeddings are made of"),
    make("div", { class: "controls" }, choose("Model", [["", "all"], ...RUN.models.map(model => [model.name, model.title])], place.model ?? "", name => { location.hash = address({ view: "provenance", model: name }); }),
      make("button", { class: "small", onclick: () => download(`${RUN.experiment}_provenance.json`, JSON.stringify(stores, null, 1), "application/json") }, "Data as JSON")),
    make("p", {}, "Protocol: ", Object.entries(RUN.protocol).map(([key, value]) => `${key} ${value}`).join(", ") || "unknown, the embeddings were made elsewhere", ". Hashes of everything are in ", make("a", { href: "manifest.json" }, "manifest.json"), "."),
    stores.map((store, n) => make("details", { open: n === 0 }, make("summary", {}, `${store.model}, ${store.effect}`),
      make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Attributes" }, show(store))))];
}

function viewPaper() {
  return [make("h2", {}, "The paper's own figures, published and of this run"),
    Object.entries(read("figures")).map(([name, source]) => make("figure", {}, make("img", { src: source, alt: name }), make("figcaption", {}, name))),
    make("div", { class: "controls" }, csvButton("paper_comparison", rowsOf("paper_comparison")), sourceButton("paper_comparison", {}, "difference"))];
}
