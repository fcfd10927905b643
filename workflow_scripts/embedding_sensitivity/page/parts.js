"use strict";
// Pieces of the page: elements, tables, figures with their data, and where a number is from.

// An element. Text is set as text, so that no name in the data is ever markup.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined));
  return element;
}

const say = text => { document.getElementById("said").textContent = text; };

// Text for plotly, which would take tags and entities of it for markup.
const plain = text => String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

function choose(title, options, value, changed) {
  const select = make("select", { onchange: event => changed(event.target.value) },
    options.map(([each, text]) => make("option", { value: each, selected: each === value }, text)));
  return make("label", {}, title, select);
}

function dataTable(rows, columns, limit = 500) {
  const cell = value => make("td", { class: typeof value === "number" ? "number" : null }, formatNumber(value));
  return make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table" },
    make("table", { class: "data" },
      rows.length > limit ? make("caption", {}, `The first ${limit} of ${rows.length} rows; the CSV has all.`) : null,
      make("thead", {}, make("tr", {}, columns.map(column => make("th", { scope: "col" }, column)))),
      make("tbody", {}, rows.slice(0, limit).map(row => make("tr", {}, columns.map(column => cell(row[column])))))));
}

// What is made when it is opened, as a table of many rows.
function later(title, build) {
  const details = make("details", {}, make("summary", {}, title));
  details.addEventListener("toggle", () => details.append(build()), { once: true });
  return details;
}

function toCsv(rows, columns) {
  const cell = value => {
    const text = value === null || value === undefined ? "" : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [columns, ...rows.map(row => columns.map(column => row[column]))].map(line => line.map(cell).join(",") + "\n").join("");
}

function download(name, text, type = "text/csv") {
  const url = URL.createObjectURL(new Blob([text], { type }));
  make("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
  say(`Saved ${name}.`);
}

const csvButton = (name, rows, columns = Object.keys(rows[0] ?? {})) =>
  make("button", { class: "small", onclick: () => download(`${RUN.experiment}_${name}.csv`, toCsv(rows, columns)) }, "Data as CSV");

// The way back of a number: its table, rows, and what each column means.
function showSource(name, keys, column) {
  const table = CONTENTS.tables[name];
  const rows = rowsOf(name, keys);
  document.getElementById("source-title").textContent = column ? `${name}.${column}` : name;
  const shown = rows.slice(0, 30);
  document.getElementById("source-body").replaceChildren(
    make("p", {}, column ? table.columns[column] : "", " "),
    make("p", { class: "faint" }, "Table ", table.file ? make("a", { href: table.file }, table.file) : `${name} (of each model and effect)`,
      `, ${Object.keys(keys).length ? `rows with ${Object.entries(keys).map(([key, value]) => `${key} = ${value}`).join(", ")}` : "all rows"}. Numbers are rounded here, the file has all digits. `,
      make("a", { href: address({ view: "provenance", model: keys.model ?? "" }), onclick: () => document.getElementById("source").close() }, "What the embeddings are made of")),
    shown.length === 1
      ? make("table", { class: "data" }, make("tbody", {}, Object.entries(shown[0]).map(([key, value]) =>
        make("tr", {}, make("th", { scope: "row" }, key), make("td", { class: "number" }, formatNumber(value)), make("td", { style: "white-space: normal" }, table.columns[key])))))
      : dataTable(shown, Object.keys(table.columns), 30),
    make("p", {}, csvButton(name, rows)));
  document.getElementById("source").showModal();
}

const sourceButton = (name, keys, column) =>
  make("button", { class: "small", onclick: () => showSource(name, keys, column), "aria-label": `Where ${column ?? name} comes from` }, "source");

// A figure: a chart with its caption, data as table and CSV, and its definition; `known` are the
// numbers that it draws, of which all may be missing.
function chart(title, caption, draw, rows, source, known) {
  const plot = make("div", { class: "plot", role: "img", "aria-label": `${title}. ${caption}` });
  const columns = Object.keys(rows[0] ?? {});
  const figure = make("figure", {}, make("h3", {}, title), plot, make("figcaption", {}, caption),
    make("div", { class: "controls" }, csvButton(title.replace(/\W+/g, "_").toLowerCase(), rows),
      source ? sourceButton(source.table, source.keys, source.column) : null),
    later("Data as a table", () => dataTable(rows, columns)));
  // Once it is in the page, for its width.
  if (known.some(value => typeof value === "number")) queueMicrotask(() => draw(plot));
  else plot.replaceWith(make("p", { class: "empty" }, "Nothing is known here: too few clips, levels or recordings."));
  return figure;
}
