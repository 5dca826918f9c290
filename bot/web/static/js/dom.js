/** Building and keeping elements. What the bot tells is only ever put in as text. */

/**
 * An element. Attributes by name; `on` holds listeners, `data` the dataset; null and false leave one out.
 * Children are nodes or text.
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, listener] of Object.entries(value)) made.addEventListener(event, listener);
    else if (name === "data") Object.assign(made.dataset, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** An element of the page by its id. */
export const byId = (id) => document.getElementById(id);

/** Set text, only where it changed: nothing is painted or read out again for nothing. */
export function setText(node, text) {
  const wanted = text ?? "";
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Set or take away an attribute, only where it changed. */
export function setAttribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
}

/** Replace all children, only where they changed. */
export function fill(node, ...children) {
  const wanted = [...element("div", {}, ...children).childNodes];
  const same = wanted.length === node.childNodes.length && wanted.every((one, i) => one.isEqualNode(node.childNodes[i]));
  if (!same) node.replaceChildren(...wanted);
}

/**
 * Keeps the children of a node in step with a list, by key: rows that stay are updated in place, so focus and
 * scroll position stay too.
 */
export class Rows {
  #container;
  #keyOf;
  #make;
  #rows = new Map();

  /** `make(item)` answers `{ node, update(item) }`. */
  constructor(container, keyOf, make) {
    this.#container = container;
    this.#keyOf = keyOf;
    this.#make = make;
  }

  show(items) {
    const wanted = new Set(items.map(this.#keyOf));
    // First what goes: a row that need not move keeps its focus.
    for (const [key, row] of this.#rows) {
      if (wanted.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    let place = this.#container.firstElementChild;
    for (const item of items) {
      const key = this.#keyOf(item);
      let row = this.#rows.get(key);
      if (!row) this.#rows.set(key, (row = this.#make(item)));
      row.update(item);
      if (row.node === place) place = place.nextElementSibling;
      else this.#container.insertBefore(row.node, place);
    }
  }
}

/** What stands where there is nothing yet: what it means, and what to do. */
export function emptyState(title, ...lines) {
  return element(
    "div",
    { class: "empty" },
    element("p", { class: "empty-title" }, title),
    ...lines.map((line) => element("p", {}, ...[line].flat())),
  );
}

/**
 * A table that is one of cards on a phone. Roles are said again because `display: block` takes them away.
 * `columns` are `{ name, number }`; answers `{ table, body }`.
 */
export function responsiveTable(caption, columns) {
  const heads = columns.map((column) =>
    element("th", { scope: "col", role: "columnheader", class: column.number ? "number" : column.end ? "does" : null }, column.name),
  );
  const body = element("tbody", { role: "rowgroup" });
  const table = element(
    "table",
    { class: "cards", role: "table" },
    element("caption", { class: "visually-hidden" }, caption),
    element("thead", { role: "rowgroup" }, element("tr", { role: "row" }, ...heads)),
    body,
  );
  return { table, body };
}

/** A cell of such a table; the column's name stands before it on a phone. */
export function cell(column, ...children) {
  const content = element("span", { class: "cell" }, ...children);
  const classes = ["number", "head", "wide"].filter((name) => column[name]);
  if (content.textContent === "–" && column.wide) classes.push("none"); // nothing to say takes no room on a phone
  return element(
    column.head ? "th" : "td",
    {
      role: column.head ? "rowheader" : "cell",
      scope: column.head ? "row" : null,
      class: classes.join(" ") || null,
      data: column.head ? {} : { label: column.name },
    },
    content,
  );
}
