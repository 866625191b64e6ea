// Lines over the last minutes. A moment without a figure is a gap.
import { draw, make, put, short } from "./words.js";

const SPAN_MS = 300_000;

function ceiling(value) {
  if (value <= 0) return 1;
  const size = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * size >= value) * size;
}

function stretches(points, read) {
  const found = [];
  let stretch = [];
  for (const point of points) {
    const value = read(point);
    if (value === null || value === undefined) {
      if (stretch.length) found.push(stretch);
      stretch = [];
    } else stretch.push([point.at_ms, value]);
  }
  if (stretch.length) found.push(stretch);
  return found;
}

function path(stretch, x, y) {
  return stretch.map(([at, value], place) => `${place ? "L" : "M"}${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
}

export class Chart {
  // `series`: {kind, name, read(point)}; `top`: the greatest value, if it is known beforehand.
  constructor({ series, top = null, height = 92, words = short, label = "" }) {
    Object.assign(this, { series, top, height, words });
    this.points = [];
    this.svg = draw("svg", { class: "chart", height, role: "img", "aria-label": label });
    this.reading = make("div", { class: "figures dim" });
    this.element = make("div", {}, this.svg, this.reading);
    this.svg.addEventListener("mousemove", (event) => this.hover(event.offsetX));
    this.svg.addEventListener("mouseleave", () => this.hover(null));
    new ResizeObserver(() => this.paint()).observe(this.element);
    this.cross = null;
    this.reading.hidden = true;
  }

  update(points) {
    this.points = points;
    this.paint();
  }

  scale() {
    const width = this.element.clientWidth || 300;
    const end = this.points.length ? this.points.at(-1).at_ms : Date.now();
    const most = Math.max(0, ...this.points.flatMap((point) => this.series.map((line) => line.read(point) ?? 0)));
    const top = this.top ?? ceiling(most);
    const floor = this.height - 4;
    return {
      width, end, top, floor,
      x: (at) => width - ((end - at) / SPAN_MS) * width,
      y: (value) => floor - (Math.min(value, top) / top) * (floor - 15),
    };
  }

  paint() {
    const { width, top, floor, x, y } = this.scale();
    this.svg.setAttribute("width", width);
    const parts = [top, top / 2, 0].map((value) => draw("line", { class: "rule", x1: 0, x2: width, y1: y(value), y2: y(value) }));
    for (const { kind, read } of this.series) {
      for (const stretch of stretches(this.points, read)) {
        const line = path(stretch, x, y);
        const area = `${line}L${x(stretch.at(-1)[0]).toFixed(1)} ${floor}L${x(stretch[0][0]).toFixed(1)} ${floor}Z`;
        parts.push(draw("path", { class: `area ${kind}`, d: area }), draw("path", { class: `line ${kind}`, d: line }));
      }
    }
    parts.push(draw("text", { class: "dim small", x: 2, y: 11 }, this.words(top)));
    parts.push(draw("text", { class: "dim small end", x: width, y: 11 }, "5 min"));
    if (this.cross !== null) parts.push(draw("line", { class: "cross", x1: this.cross, x2: this.cross, y1: 12, y2: floor }));
    this.svg.replaceChildren(...parts);
    this.read();
  }

  hover(place) {
    this.cross = place;
    this.paint();
  }

  read() {
    this.reading.hidden = this.cross === null || !this.points.length;
    if (this.reading.hidden) return;
    const { width, end } = this.scale();
    const at = end - ((width - this.cross) / width) * SPAN_MS;
    const nearest = this.points.reduce((best, point) => (Math.abs(point.at_ms - at) < Math.abs(best.at_ms - at) ? point : best));
    const figures = this.series.map(({ name, read }) => `${name} ${this.words(read(nearest))}`).join(" · ");
    put(this.reading, `${new Date(nearest.at_ms).toLocaleTimeString()} · ${figures}`);
  }
}

// A line the size of a word.
export function spark(points, read, kind = "in", width = 88, height = 18) {
  const values = points.map((point) => read(point) ?? 0);
  const top = ceiling(Math.max(0, ...values));
  const end = points.length ? points.at(-1).at_ms : 0;
  const x = (at) => width - ((end - at) / SPAN_MS) * width;
  const y = (value) => height - 1 - (value / top) * (height - 3);
  const lines = stretches(points, (point) => read(point) ?? 0).map((stretch) => draw("path", { class: `line ${kind}`, d: path(stretch, x, y) }));
  return draw("svg", { class: "chart", width, height, "aria-hidden": "true" }, ...lines);
}
