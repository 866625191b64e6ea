// How numbers read, and how elements are made. All text goes in as text: names come from outside.

export function short(number) {
  if (number === null || number === undefined) return "–";
  for (const unit of ["", " k", " M", " G"]) {
    if (number < 999.5) {
      const whole = number >= 99.95 || number === Math.round(number);
      return (whole ? String(Math.round(number)) : String(Number(number.toPrecision(3)))) + unit;
    }
    number /= 1000;
  }
  return Number(number.toPrecision(3)) + " T";
}

export function count(number) {
  return String(number).replace(/\B(?=(\d{3})+$)/g, " ");
}

export function octets(number) {
  let size = number;
  for (const unit of ["octets", "KiB", "MiB", "GiB"]) {
    if (size < 1024) return `${Number(size.toPrecision(4))} ${unit}`;
    size /= 1024;
  }
  return `${Number(size.toPrecision(4))} TiB`;
}

export function percent(share) {
  return `${Math.round(share * 100)} %`;
}

export function duration(nanoseconds) {
  let seconds = Math.floor(nanoseconds / 1e9);
  const parts = [];
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]]) {
    if (seconds >= size) {
      parts.push(`${Math.floor(seconds / size)} ${unit}`);
      seconds %= size;
    }
  }
  return parts.slice(0, 2).join(" ") || "0 s";
}

function build(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export function make(tag, attributes = {}, ...children) {
  return build(document.createElement(tag), attributes, children);
}

export function draw(tag, attributes = {}, ...children) {
  return build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

export function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Keeps one child of `host` for each item, by its key: what is there stays, with whatever the reader does to it.
export function keep(host, items, keyOf, create, update) {
  const present = new Map([...host.children].map((child) => [child.dataset.key, child]));
  let place = null;
  for (const item of items) {
    const key = String(keyOf(item));
    let child = present.get(key);
    if (!child) {
      child = create(item);
      child.dataset.key = key;
    }
    present.delete(key);
    const wanted = place ? place.nextSibling : host.firstChild;
    if (child !== wanted) host.insertBefore(child, wanted);
    update(child, item);
    place = child;
  }
  for (const child of present.values()) child.remove();
}
