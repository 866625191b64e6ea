// The page: listens to /events, shows each scene. The server keeps the history; this keeps it going.
import { Chart, spark } from "./charts.js";
import { topology } from "./topology.js";
import { count, duration, keep, make, octets, percent, put, short } from "./words.js";

const KEPT = 300;
const by = (id) => document.getElementById(id);
const charts = new Map();
let points = [], scene = null, source = null;

function number(value, written = count(value)) {
  return { text: written, value, kind: "number" };
}

// Rows of a table by key; a cell is text, {text, value, kind}, or an element.
function fill(table, columns, items, keyOf, cells) {
  if (!table.tHead) {
    const kinds = { "": "spark", meaning: "meaning" };
    const head = columns.map((name) => make("th", { class: name.endsWith("#") ? "number" : kinds[name] }, name.replace("#", "")));
    table.append(make("thead", { hidden: columns.some(Boolean) ? null : "" }, make("tr", {}, ...head)), make("tbody"));
  }
  const create = () => make("tr", {}, ...columns.map(() => make("td")));
  keep(table.tBodies[0], items, keyOf, create, (row, item) => {
    cells(item).forEach((cell, place) => {
      const td = row.cells[place];
      if (cell instanceof Element) {
        td.className = "spark";
        td.replaceChildren(cell);
        return;
      }
      const { text, value, kind, title } = typeof cell === "string" ? { text: cell } : cell;
      put(td, text);
      if (kind) td.className = kind;
      if (title) td.title = title;
      if (value !== undefined) td.dataset.value = value;
    });
  });
}

function showHead({ report, instances, name, restarts }) {
  const { status } = report;
  put(by("state"), status.state);
  by("state").className = `pill ${status.state === "forwarding" ? "good" : "warn"}`;
  const again = restarts ? ` · restarted ${restarts} ${restarts === 1 ? "time" : "times"}` : "";
  put(by("about"), `${name} · up ${duration(status.uptime_ns)} · mode ${status.mode} · version ${status.version} · process ${status.pid}${again}`);
  by("notes").hidden = !report.notes.length;
  put(by("notes"), report.notes.join(" · "));
  document.title = `Bise ${name}: ${status.state}`;
  showInstances(instances, name);
}

function showInstances(instances, name) {
  by("choose").hidden = instances.length < 2;
  keep(by("instance"), instances, (each) => each, (each) => make("option", { value: each }, each), () => {});
  by("instance").value = name;
}

function showTiles({ report }) {
  const sum = (list, read) => (report.interval_ns ? list.reduce((total, each) => total + (read(each) ?? 0), 0) : null);
  const tiles = [
    ["received", sum(report.ports, (port) => port.rates?.received), "packets/s"],
    ["transmitted", sum(report.ports, (port) => port.rates?.transmitted), "packets/s"],
    ["throughput", sum(report.ports, (port) => (port.rates?.transmitted_octets ?? 0) * 8), "bit/s out"],
    ["punted", sum(report.punts, (each) => each.rate), "packets/s"],
    ["left to Linux", sum(report.ports, (port) => port.rates?.left), "packets/s"],
    ["dropped", sum(report.drops, (each) => each.rate), "packets/s"],
  ];
  const create = ([name]) => make("div", { class: "tile" }, make("div", { class: "dim" }, name), make("div", { class: "value" }), make("div", { class: "dim" }));
  keep(by("tiles"), tiles, ([name]) => name, create, (tile, [, value, unit]) => {
    put(tile.children[1], short(value));
    tile.children[1].dataset.value = value ?? "";
    put(tile.children[2], unit);
  });
}

function chart(key, wanted) {
  if (!charts.has(key)) charts.set(key, new Chart(wanted()));
  return charts.get(key);
}

function portChart(name) {
  const read = (which) => (point) => point.ports[name]?.[which];
  return chart(`port ${name}`, () => ({
    label: `packets a second at ${name}`,
    series: [{ kind: "in", name: "in", read: read("received") }, { kind: "out", name: "out", read: read("transmitted") }],
  }));
}

function figure(kind, words) {
  return make("span", {}, make("span", { class: `key ${kind}` }), make("span", { class: kind }, words));
}

function createPort(port) {
  const head = make("div", { class: "head" }, make("strong", {}, port.name), make("span", { class: "dim" }));
  const figures = make("div", { class: "figures" }, figure("in", ""), figure("out", ""));
  return make("div", { class: "card" }, head, figures, portChart(port.name).element, make("div", { class: "dim figures" }), make("div", { class: "note" }));
}

function showPort(card, port) {
  const [head, figures, , totals, note] = card.children;
  put(head.children[1], `${port.kind} · ${port.state} · ${port.queues} ${port.queues === 1 ? "queue" : "queues"}`);
  const { rates } = port;
  const bits = (value) => (rates ? ` · ${short(value * 8)}bit/s`.replace(/(\d)bit/, "$1 bit") : "");
  put(figures.children[0].lastChild, `in ${short(rates?.received)}/s${bits(rates?.received_octets)}`);
  put(figures.children[1].lastChild, `out ${short(rates?.transmitted)}/s${bits(rates?.transmitted_octets)}`);
  portChart(port.name).update(points);
  const total = ["received", "transmitted", "punted", "dropped"];
  keep(totals, total, (name) => name, () => make("span"), (span, name) => {
    put(span, `${name} ${count(port[name])}`);
    span.dataset.value = port[name];
  });
  put(note, port.gate ? `the kernel's: ${port.gate}` : "");
}

function showWorkers({ report }) {
  const workerChart = (core) => chart(`worker ${core}`, () => ({
    label: `how busy core ${core} is`, top: 1, height: 70, words: (share) => (share === undefined ? "–" : percent(share)),
    series: [{ kind: "in", name: "busy", read: (point) => point.workers[core]?.busy }],
  }));
  const create = ({ core }) =>
    make("div", { class: "card" }, make("div", { class: "head" }, make("strong", {}, `core ${core}`), make("span", { class: "dim" })), make("div", { class: "bar" }, make("div")), workerChart(core).element);
  keep(by("workers"), report.workers, (worker) => worker.core, create, (card, worker) => {
    put(card.firstChild.children[1], `busy ${percent(worker.busy)} · ${short(worker.rate)} packets/s · ${count(worker.packets)} in all`);
    card.firstChild.children[1].dataset.value = worker.packets;
    card.children[1].firstChild.style.width = percent(worker.busy).replace(" ", "");
    workerChart(worker.core).update(points);
  });
}

function showReasons(which, found) {
  const met = found.filter((each) => each.packets).sort((one, other) => (other.rate ?? 0) - (one.rate ?? 0) || other.packets - one.packets);
  nothing(which, met.length === 0, which === "drops" ? "nothing dropped" : "nothing punted");
  fill(by(which), ["reason", "", "packets/s#", "packets#", "meaning"], met, (each) => each.reason, (each) => [
    { text: each.reason, kind: "name", title: each.meaning },
    spark(points, (point) => point[which][each.reason], which === "drops" ? "out" : "in"),
    number(each.rate, short(each.rate)), number(each.packets), { text: each.meaning, kind: "meaning" },
  ]);
}

function nothing(id, empty, words) {
  const table = by(id);
  table.hidden = empty;
  if (!table.nextSibling) table.after(make("span", { class: "none" }, words));
  table.nextSibling.hidden = !empty;
}

function showLeft({ report }) {
  const found = new Map();
  for (const port of report.ports) {
    for (const [reason, packets] of Object.entries(port.steering)) {
      if (packets) found.set(reason, [...(found.get(reason) ?? []), [port.name, packets]]);
    }
  }
  const sum = (shares) => shares.reduce((total, [, packets]) => total + packets, 0);
  const met = [...found].sort(([, one], [, other]) => sum(other) - sum(one));
  nothing("left", met.length === 0, "nothing yet");
  fill(by("left"), ["reason", "packets#", "by port"], met, ([reason]) => reason, ([reason, shares]) => [
    { text: reason, kind: "name" }, number(sum(shares)), shares.map(([port, packets]) => `${port} ${count(packets)}`).join(" · "),
  ]);
}

function showGates({ report }) {
  const gates = report.status.gates;
  if (!gates.length) {
    by("gates").replaceChildren(make("span", { class: "none" }, "no gates: nothing in the kernel stands against forwarding natively"));
    return;
  }
  by("gates").replaceChildren(...gates.map((gate) =>
    make("div", { class: "gate" }, make("strong", {}, `${gate.name}: ${gate.subject}`), make("div", {}, `${gate.effect} (${gate.detection})`), make("div", { class: "dim" }, gate.reason))));
}

function showNodes({ report }) {
  by("nodes-section").hidden = !report.nodes?.length;
  const nodes = [...(report.nodes ?? [])].sort((one, other) => other.cycles - one.cycles);
  fill(by("nodes"), ["node", "cycles/packet#", "sampled packets#"], nodes, (node) => node.node, (node) => [{ text: node.node, kind: "name" }, number(node.cycles, node.cycles.toFixed(1)), number(node.packets)]);
}

function showMirror({ report }) {
  const { native, mirror, memory } = report.status;
  const rows = Object.entries(native).map(([what, share]) => [what, `${count(share.native)} native`, share.punted ? `${count(share.punted)} the kernel's` : ""]);
  rows.push(["state", mirror.clean ? "clean" : "not clean", mirror.clean ? "" : "what may be stale is the kernel's"]);
  rows.push(["resyncs", count(mirror.resyncs), ""], ["divergences", count(mirror.divergences), ""]);
  rows.push(["packet memory", octets(memory.pool_octets), memory.huge_pages ? "huge pages" : memory.note]);
  fill(by("mirror"), ["", "", ""], rows, ([what]) => what, ([what, first, second]) => [{ text: what, kind: "name" }, first, second]);
}

function paint() {
  const room = by("topology").clientWidth - 30;
  by("topology").replaceChildren(topology(scene, room));
}

function show(next) {
  scene = next.report ? next : scene;
  points = [...points, next.point].slice(-KEPT);
  by("trouble").hidden = !next.trouble;
  const below = scene ? " Below is what was last;" : "";
  put(by("trouble"), next.trouble ? `${next.trouble}.${below} asking again.`.replace(". asking", "; asking") : "");
  document.querySelector("main").hidden = !scene;
  document.body.classList.toggle("stale", Boolean(next.trouble));
  put(by("live"), next.trouble ? "not answering" : `live · ${new Date(next.point.at_ms).toLocaleTimeString()}`);
  if (next.trouble) {
    put(by("state"), "no answer");
    by("state").className = "pill bad";
    showInstances(next.instances, next.name);
  }
  if (!next.report) return;
  showHead(next);
  showTiles(next);
  paint();
  keep(by("ports"), next.report.ports, (port) => port.name, createPort, showPort);
  showWorkers(next);
  showReasons("drops", next.report.drops);
  showReasons("punts", next.report.punts);
  showLeft(next);
  showGates(next);
  showNodes(next);
  showMirror(next);
}

function listen(name) {
  source?.close();
  source = new EventSource(name ? `events?name=${encodeURIComponent(name)}` : "events");
  source.addEventListener("history", (event) => { points = JSON.parse(event.data).slice(0, -1); });
  source.addEventListener("scene", (event) => show(JSON.parse(event.data)));
  source.addEventListener("nobody", () => put(by("live"), "no Bise runs here yet"));
  source.addEventListener("error", () => {
    put(by("live"), "no connection to bise web; trying again");
    document.body.classList.add("stale");
  });
}

function theme(wanted) {
  document.documentElement.dataset.theme = wanted;
  put(by("theme"), wanted === "dark" ? "☀ light" : "☾ dark");
}

const dark = matchMedia("(prefers-color-scheme: dark)");
theme(localStorage.getItem("theme") ?? (dark.matches ? "dark" : "light"));
dark.addEventListener("change", () => { if (!localStorage.getItem("theme")) theme(dark.matches ? "dark" : "light"); });
by("theme").addEventListener("click", () => {
  theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  localStorage.setItem("theme", document.documentElement.dataset.theme);
});
by("instance").addEventListener("change", () => {
  const name = by("instance").value;
  history.replaceState(null, "", `?name=${encodeURIComponent(name)}`);
  charts.clear();
  scene = null;
  for (const id of ["ports", "workers"]) by(id).replaceChildren();
  listen(name);
});
addEventListener("resize", () => { if (scene) paint(); });
listen(new URLSearchParams(location.search).get("name"));
