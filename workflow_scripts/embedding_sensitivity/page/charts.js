"use strict";
// What plotly draws. Lines differ by colour (Okabe and Ito's), dash and symbol.
const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8F8200", "#7F7F7F"];
const DASHES = ["solid", "dash", "dot", "dashdot", "longdash"];
const SYMBOLS = ["circle", "square", "diamond", "triangle-up", "x", "star", "cross", "pentagon"];
const CONFIG = { displaylogo: false, responsive: true, displayModeBar: false };

const look = n => ({ color: COLOURS[n % COLOURS.length], dash: DASHES[n % DASHES.length], symbol: SYMBOLS[n % SYMBOLS.length] });

function theme() {
  const style = getComputedStyle(document.documentElement);
  const [ink, line] = ["--ink", "--line"].map(name => style.getPropertyValue(name).trim());
  const axis = { gridcolor: line, linecolor: line, zerolinecolor: line, exponentformat: "none" };
  return { font: { color: ink, family: "system-ui, sans-serif", size: 13 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", axis };
}

function draw(plot, traces, layout) {
  const { axis, ...common } = theme();
  const axes = Object.fromEntries(["xaxis", "yaxis"].map(name =>
    [name, { ...axis, automargin: true, ...layout[name], title: { text: plain(layout[name]?.title ?? "") } }]));
  return Plotly.react(plot, traces, {
    // A finger scrolls the page; a mouse draws what is to be seen larger.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : "zoom", ...common, margin: { l: 55, r: 15, t: 15, b: 50 }, hovermode: "closest",
    legend: { orientation: "h", yref: "container", y: 0, yanchor: "bottom" }, ...layout, ...axes,
  }, CONFIG);
}

// Draws the colours of text and grid anew: for paper, and when the reader changes the theme.
function recolour() {
  const { axis, ...common } = theme();
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const changes = { font: common.font };
    for (const name of ["xaxis", "yaxis"])
      for (const [key, value] of Object.entries(axis)) changes[`${name}.${key}`] = value;
    Plotly.relayout(plot, changes);
  }
}

// Plotly by itself writes 2 for each of 2, 20 and 200.
const TICKS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map(digit => Number(`${digit}e${power - 4}`))).flat();
const LOGARITHMIC = { type: "log", tickmode: "array", tickvals: TICKS, ticktext: TICKS.map(String) };

const levelAxis = effect => ({
  title: effect.unit ? `${effect.parameter} (${effect.unit})` : effect.parameter, ...(effect.log_axis ? LOGARITHMIC : { type: "linear" }),
});

const CURVES = {
  recall: { title: "Clips that find their original", table: "retrieval", column: "recall_1", range: [0, 1.03],
    caption: "Share of test clips whose own original is the nearest of 32, or of as many as there are. The lower dotted line is chance; the upper one, 0.9, decides the threshold, whose interval is shaded." },
  displacement: { title: "Displacement", table: "displacement", column: "relative", low: "relative_q05", high: "relative_q95",
    caption: "How far training clips move, in distances between labels. Bars hold 90 % of clips: they are no interval of the mean." },
  auc: { title: "ROC AUC", table: "auc", column: "roc_auc", level: "test", low: "low", high: "high", null: 0.5,
    caption: "Of a classifier of label against rest, trained on originals. Bars are 95 % intervals over test recordings; the dotted line is chance." },
  cosine: { title: "Cosine displacement", table: "displacement", column: "cosine", low: "cosine_q05", high: "cosine_q95",
    caption: "1 less the cosine of a clip's embedding with and without the effect. Bars hold 90 % of clips." },
  cka: { title: "Debiased CKA", table: "displacement", column: "cka_debiased", null: 0,
    caption: "Whether clips lie to each other as before: 1, they do; 0, unrelated, the dotted line." },
};

function curvesOf(model, effect, name, label) {
  const curve = CURVES[name], key = curve.level ?? "level";
  const rows = rowsOf(curve.table, { model, effect: effect.name }).filter(row => row[key] !== "original");
  const shown = label ? rows.filter(row => row.label === label) : rows;
  const traces = [...groupBy(shown, "label")].map(([each, own]) => {
    const { color, dash, symbol } = look(RUN.labels.indexOf(each));
    const known = curve.low && own.some(row => row[curve.low] !== null);
    return {
      name: plain(each), x: own.map(row => Number(row[key])), y: own.map(row => row[curve.column]),
      mode: "lines+markers", line: { color, dash, width: label ? 2.5 : 1.5 }, marker: { symbol, size: 7, color },
      error_y: known && label ? { type: "data", symmetric: false, array: own.map(row => row[curve.high] - row[curve.column]),
        arrayminus: own.map(row => row[curve.column] - row[curve.low]), color, thickness: 1.2 } : undefined,
    };
  });
  if (!label) {
    const means = averageOver(rows, key, [curve.column]);
    traces.push({ name: "mean", x: means.map(row => Number(row[key])), y: means.map(row => row[curve.column]),
      mode: "lines", line: { color: theme().font.color, width: 4 } });
  }
  const shapes = [];
  const across = y => shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, y0: y, y1: y, line: { dash: "dot", width: 1.5, color: "#888888" } });
  if (name === "recall") {
    across(0.9);
    if (rows.length) across(1 / rows[0].gallery);
    for (const row of rowsOf("threshold_90", { model, effect: effect.name }))
      if (row.threshold_90_low !== null) shapes.push({ type: "rect", yref: "paper", y0: 0, y1: 1, x0: row.threshold_90_low,
        x1: row.threshold_90_high, fillcolor: "#888888", opacity: 0.2, line: { width: 0 } });
  } else if (curve.null !== undefined) across(curve.null);
  const note = label && curve.low ? "" : curve.low ? " Choose a label to see the bars." : "";
  return chart(curve.title, curve.caption + note, plot => draw(plot, traces, {
    xaxis: levelAxis(effect), yaxis: { title: curve.title, range: curve.range }, shapes,
  }), shown, { table: curve.table, keys: { model, effect: effect.name, ...(label ? { label } : {}) }, column: curve.column }, shown.map(row => row[curve.column]));
}

// One row a label: values with intervals; nulls as crosses.
function dotsOf(title, caption, rows, series, source, axis = {}) {
  const traces = series.map(({ column, name, low, high, cross }, n) => {
    const own = rows.filter(row => typeof row[column] === "number");
    return {
      name, x: own.map(row => row[column]), y: own.map(row => plain(row.label)), mode: "markers",
      marker: { color: cross ? "#888888" : COLOURS[n], symbol: cross ? "line-ns-open" : SYMBOLS[n], size: cross ? 14 : 10 },
      error_x: low ? { type: "data", symmetric: false, color: COLOURS[n], array: own.map(row => row[high] === null ? 0 : row[high] - row[column]),
        arrayminus: own.map(row => row[low] === null ? 0 : row[column] - row[low]) } : undefined,
    };
  });
  return chart(title, caption, plot => draw(plot, traces, { xaxis: axis, yaxis: { type: "category", autorange: "reversed" } }), rows, source, traces.flatMap(trace => trace.x));
}

function orderOf(model, effect) {
  const wanted = { model, effect: effect.name };
  const nulls = new Map(rowsOf("nulls", { ...wanted, statistic: "rho_ridge", null: "recording" }).map(row => [row.label, row.null_high]));
  const rows = rowsOf("regularised", wanted).map(row => ({ ...row, null_high: nulls.get(row.label) ?? null }));
  return dotsOf("Order of levels, by label", "Spearman's rho of test clips with the level along one direction fitted to training clips, with 95 % intervals over recordings; and its mean within single clips. The bar | is what 95 % of draws with permuted levels stay under.",
    rows, [{ column: "rho_ridge", name: "all clips", low: "rho_ridge_low", high: "rho_ridge_high" },
      { column: "rho_within", name: "within clips", low: "rho_within_low", high: "rho_within_high" },
      { column: "null_high", name: "null", cross: true }],
    { table: "regularised", keys: wanted, column: "rho_ridge" }, { title: "Spearman's rho" });
}

function sharingOf(model, effect) {
  const wanted = { model, effect: effect.name };
  return dotsOf("Does it add the same to every clip?", "Equivariance: 1, it adds one vector a level; 0, each clip goes its own way. Predicted: what the training clips' mean displacement says of test clips. 95 % intervals over recordings.",
    rowsOf("equivariance", wanted), [{ column: "equivariance", name: "equivariance", low: "equivariance_low", high: "equivariance_high" },
      { column: "predicted", name: "predicted", low: "predicted_low", high: "predicted_high" }],
    { table: "equivariance", keys: wanted, column: "equivariance" }, { title: "share" });
}

function energyOf(model, effect) {
  const wanted = { model, effect: effect.name };
  const rows = rowsOf("heldout_energy", wanted);
  const traces = [...groupBy(rows, "label")].map(([label, own]) => {
    const { color, dash, symbol } = look(RUN.labels.indexOf(label));
    return { name: plain(label), x: own.map(row => Number(row.k)), y: own.map(row => row.energy), mode: "lines+markers", line: { color, dash }, marker: { symbol, size: 7 } };
  });
  const random = averageOver(rows, "k", ["energy_random"]);
  traces.push({ name: "null: random directions", x: random.map(row => Number(row.k)), y: random.map(row => row.energy_random), mode: "lines", line: { color: "#888888", dash: "dot" } });
  return chart("How many directions clips share", "Energy of test clips' displacements in the first k directions of other recordings'.", plot => draw(plot, traces, {
    xaxis: { title: "directions k", ...LOGARITHMIC }, yaxis: { title: "share of energy", range: [0, 1.03] },
  }), rows, { table: "heldout_energy", keys: wanted, column: "energy" }, rows.map(row => row.energy));
}

const methodName = row => row.threshold ? `${row.method} ${row.threshold}` : row.method;

function debiasingOf(model, effect) {
  const wanted = { model, effect: effect.name };
  const rows = rowsOf("recovery_mean", wanted).filter(row => row.method !== "none");
  const known = rows.filter(row => row.gain !== null);
  const headroom = rows.find(row => row.headroom !== null)?.headroom ?? null;
  const trace = {
    x: known.map(row => row.gain), y: known.map(row => plain(methodName(row))), mode: "markers", marker: { color: COLOURS[0], size: 10 },
    error_x: { type: "data", symmetric: false, color: COLOURS[0], array: known.map(row => row.gain_high === null ? 0 : row.gain_high - row.gain),
      arrayminus: known.map(row => row.gain_low === null ? 0 : row.gain - row.gain_low) },
  };
  const line = (x, dash) => ({ type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x, line: { dash, width: 1.5, color: "#888888" } });
  return chart("Does taking it out help?", "Gain in ROC AUC over all levels in one ranking, a mean over labels with its 95 % interval. Solid line: none. Dashed: all that the effect costs.", plot => draw(plot, [trace], {
    xaxis: { title: "gain in ROC AUC" }, yaxis: { type: "category", autorange: "reversed" }, shapes: [line(0, "solid"), ...(headroom === null ? [] : [line(headroom, "dash")])],
  }), rows, { table: "recovery_mean", keys: wanted, column: "gain" }, trace.x);
}

// All effects on one axis: how much of the signal they change.
function changeOf(model, effect) {
  if (!CONTENTS.tables.response_to_change) return null;
  const rows = rowsOf("response_to_change", { model });
  const traces = [...groupBy(rows, "effect")].map(([name, own]) => {
    const { color, dash, symbol } = look(RUN.effects.findIndex(each => each.name === name));
    const sorted = own.filter(row => row.log_spectral_distance_db !== null).sort((a, b) => a.log_spectral_distance_db - b.log_spectral_distance_db);
    return { name: plain(name), x: sorted.map(row => row.log_spectral_distance_db), y: sorted.map(row => row.relative), text: sorted.map(row => plain(withUnit(row.level, EFFECTS.get(name)))),
      mode: "lines+markers", line: { color, dash, width: name === effect.name ? 4 : 1.5 }, marker: { color, symbol, size: 8 }, hovertemplate: "%{fullData.name} at %{text}<extra></extra>" };
  });
  return chart("All effects against their change of the signal", `Displacement of ${model} against the log-spectral distance of each level, which all effects share as an axis. The thick line is ${effect.name}.`, plot => draw(plot, traces, {
    xaxis: { title: "log-spectral distance (dB)" }, yaxis: { title: "relative displacement" },
  }), rows, { table: "response_to_change", keys: { model }, column: "relative" }, traces.flatMap(trace => trace.x));
}

// Layers of one model are models of its own, named `model.06`.
function depthOf(model, effect, statistic) {
  const layer = name => /^(.+)\.(\d+)$/.exec(name);
  const own = layer(model);
  if (!own) return null;
  const cells = CONTENTS.cells[statistic].filter(cell => cell.effect === effect.name && layer(cell.model)?.[1] === own[1] && cell.value !== null)
    .map(cell => ({ layer: Number(layer(cell.model)[2]), ...cell, keys: undefined })).sort((a, b) => a.layer - b.layer);
  const { title, table, column } = CONTENTS.statistics.find(each => each.name === statistic);
  return chart(`${title}, by layer`, `Of each layer of ${own[1]}.`, plot => draw(plot, [{
    x: cells.map(cell => cell.layer), y: cells.map(cell => cell.value), mode: "lines+markers", line: { color: COLOURS[0] },
    error_y: { type: "data", symmetric: false, array: cells.map(cell => cell.high === null ? 0 : cell.high - cell.value), arrayminus: cells.map(cell => cell.low === null ? 0 : cell.value - cell.low) },
  }], { xaxis: { title: "layer" }, yaxis: { title } }), cells, { table, keys: { effect: effect.name }, column }, cells.map(cell => cell.value));
}

// Courses of single clips; `pick(clip, level)` is called for a point.
function drawCourses(plot, model, effect, label, picked, pick) {
  const rows = rowsOf("courses", { model, effect: effect.name, label });
  const clips = [...groupBy(rows, "clip")];
  const traces = clips.map(([clip, own], n) => {
    const { color, dash } = look(n);
    const chosen = clip === picked.clip;
    return {
      name: plain(clip), x: own.map(row => row.x), y: own.map(row => row.y), mode: "lines+markers", line: { color, dash, width: chosen ? 3 : 1.2 },
      marker: { color, size: own.map(row => chosen && row.level === picked.level ? 18 : 10), symbol: own.map(row => row.level === "original" ? "star" : "circle") },
      text: own.map(row => plain(withUnit(row.level, effect))), customdata: own.map(row => [row.clip, row.level]), hovertemplate: "%{fullData.name}: %{text}<extra></extra>",
    };
  });
  // From the strongest level back to the original no line is drawn.
  for (const trace of traces) {
    const at = trace.marker.symbol.indexOf("star");
    for (const list of [trace.x, trace.y, trace.text, trace.customdata, trace.marker.size, trace.marker.symbol]) {
      const [original] = list.splice(at, 1);
      list.push(list === trace.x || list === trace.y ? null : "", original);
    }
    trace.marker.size = trace.marker.size.map(size => size || 1);
    trace.marker.symbol = trace.marker.symbol.map(symbol => symbol || "circle");
  }
  draw(plot, traces, { xaxis: { title: "first principal component" }, yaxis: { title: "second principal component" } });
  plot.removeAllListeners?.("plotly_click");
  plot.on("plotly_click", event => { const point = event.points[0].customdata; if (point) pick(...point); });
  return rows;
}

function drawSpectrogram(plot, found, title) {
  const top = Math.max(...found.z.flat());
  return draw(plot, [{ type: "heatmap", ...found, zmin: -60, zmax: 40, colorscale: "Viridis", colorbar: { title: { text: "dB" }, thickness: 10 }, hovertemplate: "%{x:.2f} s, %{y:.0f} Hz: %{z:.0f} dB<extra></extra>" }], {
    xaxis: { title: `${title}: seconds` }, yaxis: { title: "Hz" }, meta: { top },
  });
}
