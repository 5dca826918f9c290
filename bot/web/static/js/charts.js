/** One kind of chart: lines over time, with a sentence and a table that say the same. */

import { element, fill, setText } from "./dom.js";
import { localTime, timeOf, utcTime } from "./format.js";

const LIBRARY = "/static/vendor/uplot/uPlot.iife.min.js";
const HEIGHT = 220;
const ROWS_SHOWN = 60;
const FONT = "12px system-ui, sans-serif";
let loading = null;

/** The library comes when the first chart is looked at. */
function library() {
  loading ??= new Promise((resolve, reject) => {
    const script = element("script", { src: LIBRARY });
    script.addEventListener("load", () => resolve(window.uPlot));
    script.addEventListener("error", () => {
      loading = null;
      script.remove();
      reject(new Error("the chart could not be loaded"));
    });
    document.head.append(script);
  });
  return loading;
}

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class LineChart {
  #series;
  #format;
  #axisFormat;
  #plot = null;
  #data = null;
  #host = element("div", { class: "plot" });
  #figure = element("div", { class: "plot-frame", role: "img" });
  #readout = element("p", { class: "readout", "aria-hidden": "true" });
  #summary = element("p", { class: "summary" });
  #body = element("tbody");
  #heads = element("tr");
  #more = element("p", { class: "muted" });
  #details;
  #missing;

  /** `series`: `{ name, colour, width, dash }`; `format(value)`, `axisFormat(value)` where room is little; `missing`: the node shown without figures. */
  constructor(container, { caption, series, format, axisFormat = format, missing }) {
    this.#series = series;
    this.#format = format;
    this.#axisFormat = axisFormat;
    this.#missing = missing;
    const key = element("ul", { class: "key", "aria-hidden": "true" }, ...series.map((one) => element("li", {}, element("span", { class: `swatch ${one.colour.slice(2)}` }), one.name)));
    this.#figure.append(this.#host);
    this.#heads.append(element("th", { scope: "col" }, "Time"), ...series.map((one) => element("th", { scope: "col", class: "number" }, one.name)));
    this.#details = element(
      "details",
      {},
      element("summary", {}, "The same as a table"),
      element(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
        element("table", {}, element("caption", { class: "visually-hidden" }, caption), element("thead", {}, this.#heads), this.#body),
      ),
      this.#more,
    );
    this.#details.addEventListener("toggle", () => this.#showTable());
    container.append(missing, this.#summary, key, this.#figure, this.#readout, this.#details);
    this.#parts = [this.#summary, key, this.#figure, this.#readout, this.#details];
    this.#hide(true);
    new ResizeObserver(() => this.#plot?.setSize({ width: this.#host.clientWidth, height: HEIGHT })).observe(this.#host);
    document.addEventListener("theme", () => this.#redraw());
  }

  #parts;

  #hide(empty) {
    this.#missing.hidden = !empty;
    for (const part of this.#parts) part.hidden = empty;
  }

  /** `data`: times and then one list a series, as uPlot wants them; `summary`: one sentence. */
  async show(data, summary) {
    this.#data = data;
    const empty = data[0].length === 0;
    this.#hide(empty);
    if (empty) return;
    setText(this.#summary, summary);
    this.#figure.setAttribute("aria-label", summary);
    this.#showTable();
    if (this.#plot) this.#plot.setData(data);
    else await this.#draw();
  }

  async #draw() {
    const uPlot = await library();
    if (this.#plot || !this.#host.clientWidth) return;
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: colour("--muted"), font: FONT, grid, ticks: { ...grid, size: 4 } };
    this.#plot = new uPlot(
      {
        width: this.#host.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 7 } },
        scales: { x: { time: true }, y: { range: (_, least, most) => around(least, most) } },
        axes: [{ ...axis, space: 70, size: 34, values: tickTimes }, { ...axis, size: 68, values: (_, ticks) => ticks.map((tick) => this.#axisFormat(tick)) }],
        series: [
          {},
          ...this.#series.map((one) => ({
            label: one.name,
            stroke: colour(one.colour),
            width: one.width ?? 2,
            dash: one.dash,
            spanGaps: true,
            points: { show: this.#data[0].length < 60, size: 5 },
          })),
        ],
        hooks: { setCursor: [(plot) => this.#read(plot.cursor.idx)] },
      },
      this.#data,
      this.#host,
    );
    this.#read(null);
  }

  #redraw() {
    if (!this.#plot) return;
    this.#plot.destroy();
    this.#plot = null;
    this.#draw();
  }

  #read(index) {
    const at = index === null || index === undefined ? this.#data[0].length - 1 : index;
    const values = this.#series.map((one, i) => `${one.name.toLowerCase()} ${this.#format(this.#data[i + 1][at])}`);
    const time = this.#data[0][at];
    setText(this.#readout, `${localTime(time)}: ${values.join(", ")}`);
    this.#readout.title = utcTime(time);
  }

  #showTable() {
    // Hundreds of rows that nobody has opened are not built.
    if (!this.#details.open || !this.#data) return;
    const count = this.#data[0].length;
    const step = Math.ceil(count / ROWS_SHOWN);
    const rows = [];
    for (let i = count - 1; i >= 0; i -= step) {
      const cells = this.#series.map((_, s) => element("td", { class: "number" }, this.#format(this.#data[s + 1][i])));
      rows.push(element("tr", {}, element("th", { scope: "row" }, timeOf(this.#data[0][i], "local")), ...cells));
    }
    fill(this.#body, ...rows);
    setText(this.#more, step > 1 ? `Every ${step}. of ${count} points, newest first.` : "");
  }
}

const twoDigits = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const withDay = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function tickTimes(_plot, ticks) {
  const days = ticks.length > 1 && ticks[1] - ticks[0] >= 86400;
  return ticks.map((tick) => (days ? withDay : twoDigits).format(new Date(tick * 1000)));
}

/** Room above and below, also where all values are the same. */
function around(least, most) {
  if (least === null || most === null) return [0, 1];
  const room = (most - least) * 0.12 || Math.abs(most) * 0.02 || 1;
  return [least >= 0 ? Math.max(0, least - room) : least - room, most + room];
}
