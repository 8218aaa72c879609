// Traces of plotly for the step that is shown.

const GREY = "#8a8f98";
const AGENT = "#1f4e9c";
// Colours of Okabe and Ito, which the colour-blind can tell apart.
const CATEGORIES = [
  "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#f0e442", "#6b6b6b",
];
const DETAILED = 1500; // Edges up to which their middles react to the pointer too.
const HOVERED = 24; // Columns that a hover text has room for.

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

function columnLines(columns, names, row) {
  const there = names.filter((name) => !Number.isNaN(columns[name](row)));
  const lines = there.slice(0, HOVERED).map((name) => {
    return `${plain(name)}: ${shortNumber(columns[name](row))}`;
  });
  if (there.length > HOVERED) lines.push(`and ${there.length - HOVERED} more columns`);
  return lines;
}

function edgeText(data, state, edge) {
  const { sender, receiver, columns, channels } = data.edges;
  const channel = channels[state.channel];
  const from = `agent ${sender[edge.row]}`;
  const to = `agent ${receiver[edge.row]}`;
  const names = Object.keys(channel.scales);
  const what = channel.layer ? "message" : "edge";
  const lines = [`<b>${what} from ${from} to ${to}</b>`];
  if (names.some(isAttention)) lines.push(`${to} attends to ${from}`);
  return lines.concat(columnLines(columns, names, edge.row)).join("<br>");
}

function agentText(data, row) {
  const names = Object.keys(data.agents.columns);
  const head = `<b>agent ${data.agents.number[row]}</b>`;
  return [head, ...columnLines(data.agents.columns, names, row)].join("<br>");
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
  const base = Math.max(tip - head / length, cut);
  const [tx, ty] = at(tip);
  const [sx, sy] = at(base);
  return { at, start: cut, base, tip: [tx, ty], angle: Math.atan2(tx - sx, ty - sy) };
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

function markerTrace() {
  return {
    mode: "markers", x: [], y: [], hovertext: [], hoverinfo: "text", showlegend: false,
    marker: { color: [], size: [], angle: [], symbol: "arrow", angleref: "up", opacity: 1 },
  };
}

function edgeTraces(data, state, edges, unit, radius) {
  const { sender, receiver, channels } = data.edges;
  const bounds = boundsOf(data, state);
  const colours = data.colours.edges;
  // Dense graphs are drawn with thinner arrows, in all steps alike.
  const dense = channels.length ? channels[state.channel].rows / data.moments : 0;
  const thin = Math.max(0.4, Math.min(1, Math.sqrt(250 / Math.max(dense, 1))));
  const width = (bin) => (bounds ? thin * (0.8 + 0.6 * bin) : 1.2 * thin);
  const lines = colours.map((colour, bin) => lineTrace(bounds ? colour : GREY, width(bin)));
  const absent = lineTrace(GREY, 0.8 * thin);
  absent.line.dash = "dot";
  const heads = markerTrace();
  const middles = markerTrace();
  const pairs = new Set(edges.rows.map((edge) => `${sender[edge.row]},${receiver[edge.row]}`));
  const detailed = edges.rows.length <= DETAILED;
  // The strongest arrows lie on top.
  const rows = [...edges.rows].sort((a, b) => rank(a.value) - rank(b.value));
  for (const edge of rows) {
    const known = !bounds || !Number.isNaN(edge.value);
    const bin = bounds && known ? binOf(bounds, edge.value) : 0;
    const both = pairs.has(`${receiver[edge.row]},${sender[edge.row]}`);
    const size = 7 * thin + 1.7 * width(bin);
    const curve = curveOf(data, edge, both ? 0.13 : 0, (radius + 1) * unit, 0.8 * size * unit);
    addCurve(known ? lines[bin] : absent, curve, both ? (detailed ? 10 : 4) : 1);
    const text = edgeText(data, state, edge);
    heads.marker.color.push(bounds && known ? colours[bin] : GREY);
    heads.marker.size.push(size);
    heads.marker.angle.push((curve.angle * 180) / Math.PI);
    heads.x.push(curve.tip[0]);
    heads.y.push(curve.tip[1]);
    heads.hovertext.push(text);
    if (detailed) {
      const [x, y] = curve.at(0.5);
      middles.x.push(x);
      middles.y.push(y);
      middles.hovertext.push(text);
    }
  }
  middles.marker = { size: 12, opacity: 0, color: GREY };
  middles.hoverlabel = heads.hoverlabel = { bgcolor: "#ffffff", bordercolor: GREY };
  return [absent, ...lines, heads, middles];
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
    hovertext: rows.map((row) => agentText(data, row)),
    hoverinfo: "text",
    hoverlabel: { bgcolor: "#ffffff", bordercolor: AGENT },
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
