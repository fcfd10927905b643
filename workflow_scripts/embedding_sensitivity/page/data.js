"use strict";
// What the page holds, and how its tables are read.
const read = id => JSON.parse(document.getElementById(id).textContent);
const CONTENTS = read("contents");
const RUN = CONTENTS.run;
const EFFECTS = new Map(RUN.effects.map(effect => [effect.name, effect]));
const MODELS = new Map(RUN.models.map(model => [model.name, model]));

// Rows of a table, as objects, whose columns have the `wanted` values.
function rowsOf(name, wanted = {}) {
  const table = CONTENTS.tables[name];
  if (!table) return [];
  const columns = Object.keys(table.data);
  const at = (column, row) => {
    const data = table.data[column];
    return data.words ? data.words[data.rows[row]] : data[row];
  };
  const conditions = Object.entries(wanted).filter(([column]) => column in table.data);
  const found = [];
  for (let row = 0; row < table.length; row++) {
    if (conditions.every(([column, value]) => String(at(column, row)) === String(value)))
      found.push(Object.fromEntries(columns.map(column => [column, at(column, row)])));
  }
  return found;
}

// Groups rows by a column, in the order of their first appearance.
function groupBy(rows, column) {
  const groups = new Map();
  for (const row of rows) groups.set(row[column], [...(groups.get(row[column]) ?? []), row]);
  return groups;
}

const mean = values => values.reduce((sum, value) => sum + value, 0) / values.length;

// Means of columns over labels, a row for each value of `by`.
function averageOver(rows, by, columns) {
  return [...groupBy(rows, by)].map(([value, group]) => Object.fromEntries([[by, value],
    ...columns.map(column => {
      const known = group.map(row => row[column]).filter(number => typeof number === "number");
      return [column, known.length ? mean(known) : null];
    })]));
}

function formatNumber(value) {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value !== "number") return String(value);
  return Number(value.toPrecision(4)).toString();
}

function withUnit(level, effect) {
  return level === "original" ? "original" : `${level} ${effect.unit}`.trim();
}

// Where the page is: the keys and values after #, which make a link to the same view.
const where = () => Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
const address = (change, from = {}) => "#" + new URLSearchParams({ ...from, ...change });
