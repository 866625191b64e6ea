// Linux above, Bise below it, ports in a row, and under each who is on the link. What goes past Bise is dotted.
import { draw, percent, short } from "./words.js";

const CARD = 236, GAP = 18, EDGE = 12, LINE = 17, SHOWN = 8;
const LINUX = { y: 6, height: 38 }, BISE = { y: 108, height: 50 }, PORTS = { y: 232, height: 74 };

export function topology({ report, neighbours, neighbours_total: totals }, widest) {
  const ports = report.ports;
  const width = Math.max(widest, EDGE * 2 + ports.length * (CARD + GAP) - GAP);
  const inset = Math.max(EDGE, (width - ports.length * (CARD + GAP) + GAP) / 2);
  const at = new Map(ports.map((port, place) => [port.name, inset + place * (CARD + GAP)]));
  const rows = Math.max(0, ...ports.map((port) => Math.min(SHOWN + 1, totals[port.name] ?? 0)));
  const height = PORTS.y + PORTS.height + 14 + rows * LINE + 6;
  const svg = draw("svg", { width, height, role: "img", "aria-label": "Linux, Bise, its ports and their neighbours" });
  for (const port of ports) svg.append(...ways(port, at.get(port.name)));
  const punted = report.ports.reduce((sum, port) => sum + (port.rates?.punted ?? 0), 0);
  svg.append(...linux(report, width), ...bise(report, width, punted));
  for (const port of ports) {
    svg.append(...card(port, at.get(port.name)));
    svg.append(...hosts(neighbours.filter((each) => each.port === port.name), totals[port.name] ?? 0, at.get(port.name)));
  }
  return svg;
}

function text(words, x, y, kind = "") {
  return draw("text", { x, y, class: kind }, words);
}

function cut(words, letters) {
  return words.length > letters ? `${words.slice(0, letters - 1)}…` : words;
}

// Addresses differ at their ends.
function cutInside(words, letters) {
  return words.length > letters ? `${words.slice(0, letters / 2 - 1)}…${words.slice(-letters / 2)}` : words;
}

function box(x, y, width, height, kind) {
  return draw("rect", { x, y, width, height, rx: 8, class: `box ${kind}` });
}

function linux(report, width) {
  const gates = report.status.gates.length;
  const words = gates ? `${gates} ${gates === 1 ? "gate stands" : "gates stand"}` : "no gates";
  return [
    box(EDGE, LINUX.y, width - 2 * EDGE, LINUX.height, "kernel"),
    text("Linux kernel", EDGE + 14, LINUX.y + 24, "bold"),
    text("routes, neighbours, firewall: Bise follows them", EDGE + 112, LINUX.y + 24, "dim"),
    text(words, width - EDGE - 14, LINUX.y + 24, gates ? "end warn" : "end dim"),
  ];
}

function bise(report, width, punted) {
  const busy = report.workers.map((worker) => `core ${worker.core} ${percent(worker.busy)}`).join(" · ");
  const place = EDGE + 30;
  return [
    draw("line", { class: punted ? "way kernel" : "way kernel quiet", x1: place, x2: place, y1: BISE.y, y2: LINUX.y + LINUX.height, "stroke-width": thickness(punted) }),
    text(`punted ${short(punted)}/s`, place + 10, 80, "kernel"),
    box(EDGE, BISE.y, width - 2 * EDGE, BISE.height, "bise"),
    text(`bise ${report.name}`, EDGE + 14, BISE.y + 22, "bold"),
    text(report.status.state, EDGE + 14, BISE.y + 39, report.status.state === "forwarding" ? "dim small" : "warn small"),
    text(cut(busy, 90), width - EDGE - 14, BISE.y + 30, "end dim"),
  ];
}

function thickness(rate) {
  return rate > 0 ? 1.5 + Math.min(5.5, Math.log10(1 + rate)) : 1.5;
}

function ways(port, x) {
  const rates = port.rates ?? { received: 0, transmitted: 0, left: 0 };
  const top = BISE.y + BISE.height, bottom = PORTS.y;
  const way = (kind, place, rate, from) =>
    draw("line", { class: rate ? `way ${kind}` : `way ${kind} quiet`, x1: place, x2: place, y1: from, y2: bottom, "stroke-width": thickness(rate) });
  return [
    way("kernel", x + CARD - 22, rates.left, LINUX.y + LINUX.height),
    way("in", x + 18, rates.received, top),
    way("out", x + 112, rates.transmitted, top),
    text(`↑ ${short(port.rates?.received)}/s`, x + 26, top + 46, "in"),
    text(`↓ ${short(port.rates?.transmitted)}/s`, x + 120, top + 46, "out"),
    text(`${short(port.rates?.left)}/s`, x + CARD - 30, top + 22, "end kernel small"),
  ];
}

function card(port, x) {
  const kind = port.state !== "up" ? "down" : port.gate ? "gated" : "";
  const face = port.kind === "kernel" ? "the kernel's own, by AF_XDP" : `${port.kind}, kernel face ${port.name}`;
  const group = draw("g", { "data-port": port.name }, draw("title", {}, port.gate ? `the kernel's: ${port.gate}` : `${port.name}: ${face}`));
  group.append(
    box(x, PORTS.y, CARD, PORTS.height, kind),
    text(cut(port.name, 18), x + 14, PORTS.y + 22, "bold"),
    text(port.state, x + CARD - 14, PORTS.y + 22, port.state === "up" ? "end dim" : "end warn"),
    text(cut(face, 34), x + 14, PORTS.y + 41, "dim small"),
    text(port.gate ? cut(`gate: ${port.gate}`, 36) : `${port.mac || "no address"} · mtu ${port.mtu}`, x + 14, PORTS.y + 59, port.gate ? "warn small" : "dim small"),
  );
  return [group];
}

function hosts(found, total, x) {
  const parts = [];
  let y = PORTS.y + PORTS.height + 20;
  for (const each of found.slice(0, SHOWN)) {
    const kind = each.mac === null ? "unknown" : each.used_ns_ago !== null && each.used_ns_ago < 5e9 ? "used" : "known";
    const say = each.mac === null ? `${each.address}: ${each.state}` : `${each.address}, ${each.mac}, ${each.state}`;
    parts.push(
      draw("g", { "data-neighbour": each.address }, draw("title", {}, say), draw("circle", { class: `dot ${kind}`, cx: x + 20, cy: y - 4, r: 4 }), text(cutInside(each.address, 30), x + 32, y, each.mac === null ? "dim small" : "small")),
    );
    y += LINE;
  }
  if (total > SHOWN) parts.push(text(`and ${total - Math.min(SHOWN, found.length)} more`, x + 32, y, "dim small"));
  return parts;
}
