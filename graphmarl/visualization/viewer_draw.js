// Shapes and traces of plotly for the step that is shown.

const GREY = "#8a8f98";
const AGENT = "#1f4e9c";
// Colours of Okabe and Ito, which the colour-blind can tell apart.
const CATEGORIES = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#6b6b6b",
];

function shortNumber(value) {
  if (Number.isNaN(value)) return "none";
  return String(Number(value.toPrecision(4)));
}

// Plotly reads tags in its texts.
function plain(text) {
  return String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

function isAttention(name) {
  return /^attention(_\d+)?$/.test(name);
}

// All of one colour is one path: plotly makes an element for each piece of a line of a trace,
// which is slow with thousands of arrows.
function pathOf(style) {
  return { style, parts: [] };
}

function lineOf(color, width, dash) {
  return pathOf({ line: { color, width, dash: dash || "solid" } });
}

function areaOf(fillcolor, opacity) {
  return pathOf({ fillcolor, fillrule: "nonzero", opacity, line: { width: 0 } });
}

function shapesOf(paths) {
  const drawn = paths.filter((each) => each.parts.length);
  return drawn.map(({ style, parts }) => {
    return { type: "path", layer: "below", path: parts.join(""), ...style };
  });
}

// A curve from sender to receiver that ends at the rims of both agents. Of two edges in opposite
// directions, each bends to its own left, so that both can be seen.
function curveOf(data, edge, bend, rim, head) {
  const { x, y } = data.agents;
  const [ax, ay, bx, by] = [x[edge.from], y[edge.from], x[edge.to], y[edge.to]];
  const distance = Math.hypot(bx - ax, by - ay);
  const cx = (ax + bx) / 2 - bend * (by - ay);
  const cy = (ay + by) / 2 + bend * (bx - ax);
  // The polar form of the curve: a point of it for s = t, else a control point of its part.
  const polar = (s, t) => {
    const [a, c, b] = [(1 - s) * (1 - t), s * (1 - t) + t * (1 - s), s * t];
    return [a * ax + c * cx + b * bx, a * ay + c * cy + b * by];
  };
  const start = Math.min(rim / distance, 0.35);
  const end = 1 - start;
  const base = Math.max(end - head / distance, (start + end) / 2);
  const [tip, back] = [polar(end, end), polar(base, base)];
  const length = Math.hypot(tip[0] - back[0], tip[1] - back[1]);
  const direction = [(tip[0] - back[0]) / length, (tip[1] - back[1]) / length];
  // The line ends inside the head.
  const stop = base + 0.2 * (end - base);
  const line = [polar(start, start), polar(start, stop), polar(stop, stop)];
  return { line, tip, direction, length, middle: polar(0.5, 0.5) };
}

// Seven digits are enough for a picture, and keep paths short.
function point([x, y]) {
  return `${Number(x.toPrecision(7))},${Number(y.toPrecision(7))}`;
}

function addArrow(line, head, { line: ends, tip, direction, length }) {
  line.parts.push(`M${point(ends[0])}Q${point(ends[1])} ${point(ends[2])}`);
  const [dx, dy] = [length * direction[0], length * direction[1]];
  const left = [tip[0] - dx - 0.4 * dy, tip[1] - dy + 0.4 * dx];
  const right = [tip[0] - dx + 0.4 * dy, tip[1] - dy - 0.4 * dx];
  head.parts.push(`M${point(tip)}L${point(left)}L${point(right)}Z`);
}

function edgePaths(data, state, edges, unit, radius) {
  const { sender, receiver, channels } = data.edges;
  const bounds = boundsOf(data, state);
  const colours = bounds ? data.colours.edges : [GREY];
  // Dense graphs are drawn with thinner arrows, in all steps alike.
  const dense = channels.length ? channels[state.channel].rows / data.moments : 0;
  const thin = Math.max(0.4, Math.min(1, Math.sqrt(250 / Math.max(dense, 1))));
  const width = (bin) => thin * (bounds ? 0.8 + 0.6 * bin : 1.2);
  const lines = colours.map((colour, bin) => lineOf(colour, width(bin)));
  const heads = colours.map((colour) => areaOf(colour, 1));
  const absent = [lineOf(GREY, 0.8 * thin, "dot"), areaOf(GREY, 1)];
  const pairs = new Set(edges.rows.map((edge) => `${sender[edge.row]},${receiver[edge.row]}`));
  const curves = edges.rows.map((edge) => {
    const known = !bounds || !Number.isNaN(edge.value);
    const bin = bounds && known ? binOf(bounds, edge.value) : 0;
    const both = pairs.has(`${receiver[edge.row]},${sender[edge.row]}`);
    const length = (6 * thin + 1.9 * width(bin)) * unit;
    const curve = curveOf(data, edge, both ? 0.13 : 0, (radius + 1) * unit, length);
    const [line, head] = known ? [lines[bin], heads[bin]] : absent;
    addArrow(line, head, curve);
    return { edge, curve };
  });
  // The strongest arrows lie on top.
  return { paths: [...absent, ...lines.flatMap((line, bin) => [line, heads[bin]])], curves };
}

// Colours of agents: categories if the column has a few whole numbers, else a scale.
function agentColours(data, state) {
  const scale = data.agents.scales[state.colour];
  if (!scale) return { of: () => AGENT, categories: [], bounds: null };
  const column = data.agents.columns[state.colour];
  if (scale.values.length) {
    const of = (row) => CATEGORIES[scale.values.indexOf(column(row))] || GREY;
    return { of, categories: scale.values, bounds: null };
  }
  const bounds = scale.equal;
  const colours = data.colours.agents;
  const of = (row) => (Number.isNaN(column(row)) ? GREY : colours[binOf(bounds, column(row))]);
  return { of, categories: [], bounds };
}

function textColour(colour) {
  const [red, green, blue] = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  return 0.3 * red + 0.59 * green + 0.11 * blue > 150 ? "#111111" : "#ffffff";
}

function agentTrace(data, state, agents, edges, radius) {
  const { of } = agentColours(data, state);
  const near = new Set(edges.rows.flatMap((edge) => [edge.from, edge.to]));
  const rows = [...agents.values()];
  const chosen = (row) => data.agents.number[row] === state.agent;
  const faded = (row) => state.agent >= 0 && !near.has(row) && !chosen(row);
  const colours = rows.map(of);
  return {
    mode: state.ids ? "markers+text" : "markers",
    x: rows.map((row) => data.agents.x[row]),
    y: rows.map((row) => data.agents.y[row]),
    text: rows.map((row) => String(data.agents.number[row])),
    textfont: { size: Math.max(8, Math.min(12, radius)), color: colours.map(textColour) },
    hoverinfo: "none",
    customdata: rows.map((row) => data.agents.number[row]),
    showlegend: false,
    cliponaxis: false,
    marker: {
      size: 2 * radius,
      color: colours,
      opacity: rows.map((row) => (faded(row) ? 0.25 : 1)),
      line: {
        width: rows.map((row) => (chosen(row) ? 3 : 1)),
        color: rows.map((row) => (chosen(row) ? "#000000" : "#ffffff")),
      },
    },
  };
}

const SHADES = 5; // Shades of weights of objects.

function shadeOf(weight) {
  return Math.min(SHADES - 1, Math.floor(SHADES * Math.max(0, weight)));
}

// Greys keep the map in the background of the arrows; objects of little weight stay visible.
function scenePaths(data, scene, side) {
  if (!scene) return [];
  const { pool } = data.scenes;
  const shades = Array.from({ length: SHADES }, (_, i) => i);
  const roads = scene.lines.flatMap(([, places, weights]) => {
    const bins = shades.map((i) => lineOf(`rgb(${[0, 0, 0].fill(222 - 36 * i)})`, 5));
    pool[weights].forEach((weight, i) => {
      const [x0, y0, x1, y1] = pool[places].subarray(4 * i, 4 * i + 4);
      bins[shadeOf(weight)].parts.push(`M${point([x0, y0])}L${point([x1, y1])}`);
    });
    return bins;
  });
  const things = scene.points.flatMap(([, places, weights], group) => {
    const colour = data.colours.things[group % data.colours.things.length];
    const bins = shades.map((i) => areaOf(colour, 0.2 + 0.175 * i));
    pool[weights].forEach((weight, i) => {
      const [x, y] = [pool[places][2 * i] - side / 2, pool[places][2 * i + 1] - side / 2];
      const corners = [[x, y], [x + side, y], [x + side, y + side], [x, y + side]];
      bins[shadeOf(weight)].parts.push(`M${corners.map(point).join("L")}Z`);
    });
    return bins;
  });
  return [...roads, ...things];
}

// Colour bars of the arrows and of the agents: bounds, colours and title.
function barsOf(data, state) {
  const found = [];
  const bounds = boundsOf(data, state);
  if (bounds) found.push([bounds, data.colours.edges, `arrows: ${state.column}`]);
  const agents = agentColours(data, state).bounds;
  if (agents) found.push([agents, data.colours.agents, `agents: ${state.colour}`]);
  return found;
}

// A number at a colour bar, without digits that are small beside its range.
function tickText(value, bounds) {
  const range = bounds[bounds.length - 1] - bounds[0];
  if (!(range > 0)) return shortNumber(value);
  const digits = Math.min(20, Math.max(0, 3 - Math.floor(Math.log10(range))));
  return shortNumber(Number(value.toFixed(digits)));
}

// Bars stand side by side, or one below the other in a narrow picture. Their traces have no points.
function barTraces(data, state, height, narrow) {
  const bars = barsOf(data, state);
  return bars.map(([bounds, colours, title], i) => {
    const count = colours.length;
    const shown = bounds.map((_, bound) => bound).filter((bound) => bound % 2 === 0);
    const stops = colours.flatMap((each, k) => [[k / count, each], [(k + 1) / count, each]]);
    return {
      mode: "markers", x: [null], y: [null], hoverinfo: "skip", showlegend: false,
      marker: {
        color: [0], cmin: 0, cmax: count, colorscale: stops, showscale: true,
        colorbar: {
          orientation: "h", thickness: 12, xpad: 24, ypad: 4, outlinewidth: 0,
          x: narrow ? 0 : 0.5 * i, xanchor: "left", len: narrow ? 1 : 0.5,
          y: -(4 + (narrow ? BAR * i : 0)) / height, yanchor: "top",
          title: { text: plain(title), side: "top" },
          tickvals: shown, ticktext: shown.map((bound) => tickText(bounds[bound], bounds)),
        },
      },
    };
  });
}
