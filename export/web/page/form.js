// A form with a field for each column of a table; what it holds is a row of the model's input.

import { $, create } from "./dom.js";

/** Returns what reads and fills it; `changed` is told of each new row, `{x, missing}`. */
export function form(columns, mayBeMissing, changed) {
  const fields = columns.map((column, i) => {
    const id = `column-${i}`;
    const row = create($("form"), "div");
    create(row, "label", { for: id }, column.name);
    const field = column.categories ? choice(row, id, column) : number(row, id, column);
    field.addEventListener("input", () => changed(read()));
    return field;
  });

  function choice(row, id, { categories }) {
    const select = create(row, "select", { id });
    create(select, "option", { value: "" }, mayBeMissing ? "missing" : "choose …");
    categories.forEach((text, code) => create(select, "option", { value: code }, text));
    return select;
  }

  function number(row, id, { kind, values }) {
    const rule = kind === "count" ? { min: 0, step: 1 } : { step: "any" };
    const seen = values.length ? `${values[0]} to ${values.at(-1)}` : "";
    const placeholder = mayBeMissing ? `missing${seen && `; ${seen}`}` : seen;
    return create(row, "input", { id, type: "number", placeholder, ...rule });
  }

  /** x [D], or null and the names of the columns without which there is no answer. */
  function read() {
    const isMissing = (field) => field.value === "" && !field.validity.badInput;
    const missing = columns
      .filter((_, i) => !fields[i].validity.valid || (!mayBeMissing && isMissing(fields[i])))
      .map(({ name }) => name);
    const x = fields.map((field) => (isMissing(field) ? NaN : Number(field.value)));
    return { x: missing.length ? null : Float32Array.from(x), missing };
  }

  return {
    read,
    fill(x) {
      fields.forEach((field, i) => (field.value = x[i] ?? ""));
    },
    set(index, value) {
      fields[index].value = value;
      changed(read());
    },
  };
}
