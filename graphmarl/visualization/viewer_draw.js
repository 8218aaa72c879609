// Traces of plotly for the step that is shown.

const GREY = "#8a8f98";
const AGENT = "#1f4e9c";
// Colours of Okabe and Ito, which the colour-blind can tell apart.
const CATEGORIES = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#6b6b6b",
];
const DETAILED = 1500; // Edges up to which curves have many pieces.

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

// A curve from sender to receiver that ends at the rims of both agents. Of two edges in opposite
// directions, each bends to its own left, so that both can be seen.
function curveOf(data, edge, bend, rim, head) {
  const { x, y } = data.agents;
  const [ax, ay, bx, by] = [x[edge.from], y[edge.from], x[edge.to], y[edge.to]];
  const length = Math.hypot(bx - ax, by - ay);
  const cx = (ax + bx) / 2 - bend * (by - ay);
  const cy = (ay + by) / 2 + bend * (bx - ax);
  const at = (t) => [
    (1 - t) * (1 - t) * ax + 2 * t * (1 - t) * cx + t * t * bx,
    (1 - t) * (1 - t) * ay + 2 * t * (1 - t) * cy + t * t * by,
  ];
  const cut = Math.min(rim / length, 0.35);
  const tip = 1 - cut;
  const base = Math.max(tip - (0.9 * head) / length, (cut + tip) / 2);
  const [tx, ty] = at(tip);
  const [sx, sy] = at(base);
  const size = Math.hypot(tx - sx, ty - sy);
  const direction = [(tx - sx) / size, (ty - sy) / size];
  return { at, start: cut, base, tip: [tx, ty], direction, length: size };
}

function addCurve(trace, curve, pieces) {
  for (let i = 0; i <= pieces; i += 1) {
    const [x, y] = curve.at(curve.start + ((curve.base - curve.start) * i) / pieces);
    trace.x.push(x);
    trace.y.push(y);
  }
  trace.x.push(null);
  trace.y.push(null);
}

function lineTrace(colour, width) {
  const line = { color: colour, width };
  return { mode: "lines", x: [], y: [], line, hoverinfo: "skip", showlegend: false };
}

function headTrace(colour) {
  return { ...lineTrace(colour, 0), fill: "toself", fillcolor: colour };
}

function addHead(trace, curve, length) {
  const [x, y] = curve.tip;
  const [dx, dy] = [length * curve.direction[0], length * curve.direction[1]];
  trace.x.push(x, x - dx - 0.38 * dy, x - dx + 0.38 * dy, x, null);
  trace.y.push(y, y - dy + 0.38 * dx, y - dy - 0.38 * dx, y, null);
}

// Arrows of one bin are one path for the lines and one for the heads, which is fast.
function edgeTraces(data, state, edges, unit, radius) {
  const { sender, receiver, channels } = data.edges;
  const bounds = boundsOf(data, state);
  const colours = bounds ? data.colours.edges : data.colours.edges.map(() => GREY);
  // Dense graphs are drawn with thinner arrows, in all steps alike.
  const dense = channels.length ? channels[state.channel].rows / data.moments : 0;
  const thin = Math.max(0.4, Math.min(1, Math.sqrt(250 / Math.max(dense, 1))));
  const width = (bin) => thin * (bounds ? 0.8 + 0.6 * bin : 1.2);
  const lines = colours.map((colour, bin) => lineTrace(colour, width(bin)));
  const heads = colours.map(headTrace);
  const absent = { line: lineTrace(GREY, 0.8 * thin), head: headTrace(GREY) };
  absent.line.line.dash = "dot";
  const pairs = new Set(edges.rows.map((edge) => `${sender[edge.row]},${receiver[edge.row]}`));
  const pieces = edges.rows.length <= DETAILED ? 10 : 4;
  const curves = edges.rows.map((edge) => {
    const known = !bounds || !Number.isNaN(edge.value);
    const bin = bounds && known ? binOf(bounds, edge.value) : 0;
    const both = pairs.has(`${receiver[edge.row]},${sender[edge.row]}`);
    const length = (6 * thin + 1.9 * width(bin)) * unit;
    const curve = curveOf(data, edge, both ? 0.13 : 0, (radius + 1) * unit, length);
    addCurve(known ? lines[bin] : absent.line, curve, both ? pieces : 1);
    addHead(known ? heads[bin] : absent.head, curve, Math.min(length, curve.length));
    return { edge, curve };
  });
  // The strongest arrows lie on top.
  const layers = lines.flatMap((line, bin) => [line, heads[bin]]);
  return { traces: [absent.line, absent.head, ...layers], curves };
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

function sceneTraces(data, scene, radius) {
  if (!scene) return [];
  const { pool } = data.scenes;
  const traces = [];
  for (const [, places, weights] of scene.lines) {
    // Greys keep the map in the background of the arrows.
    const bins = [0, 1, 2, 3, 4].map((bin) => lineTrace(`rgb(${[0, 0, 0].fill(222 - 36 * bin)})`, 5));
    pool[weights].forEach((weight, i) => {
      const bin = bins[Math.min(4, Math.floor(5 * Math.max(0, weight)))];
      const [x0, y0, x1, y1] = pool[places].slice(4 * i, 4 * i + 4);
      bin.x.push(x0, x1, null);
      bin.y.push(y0, y1, null);
    });
    traces.push(...bins);
  }
  scene.points.forEach(([name, places, weights], group) => {
    const weight = Array.from(pool[weights]);
    traces.push({
      mode: "markers", showlegend: false, hoverinfo: "text",
      x: weight.map((_, i) => pool[places][2 * i]),
      y: weight.map((_, i) => pool[places][2 * i + 1]),
      hovertext: weight.map((each) => `${plain(name)}: ${shortNumber(each)}`),
      marker: {
        symbol: "square", size: Math.max(4, 1.1 * radius), line: { width: 0 },
        color: data.colours.things[group % data.colours.things.length],
        // An object of little weight stays visible.
        opacity: weight.map((each) => 0.15 + 0.75 * Math.min(1, Math.max(0, each))),
      },
    });
  });
  return traces;
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
          tickvals: shown, ticktext: shown.map((bound) => shortNumber(bounds[bound])),
        },
      },
    };
  });
}
