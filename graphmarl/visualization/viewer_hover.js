// Texts under the pointer. Thousands of arrows are too many for elements of their own, which
// plotly needs to react to a pointer; here the nearest agent or arrow is looked for.

const REACH = 10; // Pixels from a spot at which its text is shown.
const HOVERED = 24; // Columns that a text has room for.

function columnLines(columns, names, row) {
  const there = names.filter((name) => !Number.isNaN(columns[name](row)));
  const text = (name) => `${name}: ${shortNumber(columns[name](row))}`;
  const lines = there.slice(0, HOVERED).map(text);
  if (there.length > HOVERED) lines.push(`and ${there.length - HOVERED} more columns`);
  return lines;
}

function edgeLines(data, state, edge) {
  const { sender, receiver, columns, channels } = data.edges;
  const channel = channels[state.channel];
  const from = `agent ${sender[edge.row]}`;
  const to = `agent ${receiver[edge.row]}`;
  const names = Object.keys(channel.scales);
  const lines = [`${channel.layer ? "message" : "edge"} from ${from} to ${to}`];
  if (names.some(isAttention)) lines.push(`${to} attends to ${from}`);
  return lines.concat(columnLines(columns, names, edge.row));
}

function agentLines(data, row) {
  const names = Object.keys(data.agents.columns);
  return [`agent ${data.agents.number[row]}`, ...columnLines(data.agents.columns, names, row)];
}

// Places that react, in pixels of the plot: agents, and tips and middles of arrows.
function spotsOf(data, state, drawing, frame) {
  const place = (x, y) => [
    (x - frame.x) / frame.unit + frame.margin.l,
    (frame.y - y) / frame.unit + frame.margin.t,
  ];
  const { x, y } = data.agents;
  const agents = [...drawing.agents.values()].map((row) => {
    return { at: place(x[row], y[row]), reach: drawing.radius, lines: () => agentLines(data, row) };
  });
  const arrows = drawing.curves.flatMap(({ edge, curve }) => {
    const lines = () => edgeLines(data, state, edge);
    return [curve.tip, curve.middle].map(([u, v]) => ({ at: place(u, v), reach: REACH, lines }));
  });
  // Agents come first, since they lie on top.
  return [agents, arrows, thingsOf(data, state, place)];
}

function thingsOf(data, state, place) {
  const scene = sceneOf(data, state);
  if (!scene) return [];
  const { pool } = data.scenes;
  const spots = (name, weights, at) => Array.from(pool[weights], (weight, i) => {
    const lines = () => [name, `weight: ${shortNumber(weight)}`];
    return { at: place(...at(i)), reach: REACH, lines };
  });
  const points = scene.points.flatMap(([name, places, weights]) => {
    return spots(name, weights, (i) => pool[places].subarray(2 * i, 2 * i + 2));
  });
  const lines = scene.lines.flatMap(([name, places, weights]) => {
    const end = (i, k) => pool[places][4 * i + k];
    const middle = (i) => [(end(i, 0) + end(i, 2)) / 2, (end(i, 1) + end(i, 3)) / 2];
    return spots(name, weights, middle);
  });
  return [...points, ...lines];
}

function nearest(groups, x, y) {
  for (const spots of groups) {
    let found = null;
    let least = Infinity;
    for (const spot of spots) {
      const distance = Math.hypot(spot.at[0] - x, spot.at[1] - y);
      if (distance <= spot.reach && distance < least) [found, least] = [spot, distance];
    }
    if (found) return found;
  }
  return null;
}

function followPointer(plot) {
  let current = [];
  const box = element("div", { className: "hover", hidden: true });
  plot.parentNode.insertBefore(box, plot);
  const show = (event) => {
    const frame = plot.getBoundingClientRect();
    const [x, y] = [event.clientX - frame.left, event.clientY - frame.top];
    const spot = nearest(current, x, y);
    box.hidden = spot === null;
    if (!spot) return;
    box.replaceChildren(...spot.lines().map((line) => element("div", {}, line)));
    const left = x + 14 + box.offsetWidth > frame.width ? x - 14 - box.offsetWidth : x + 14;
    box.style.left = `${Math.max(0, left)}px`;
    box.style.top = `${Math.max(0, Math.min(y + 14, frame.height - box.offsetHeight))}px`;
  };
  // A touch has no movement before it; plotly keeps some events to itself after their capture.
  for (const name of ["pointermove", "pointerdown"]) plot.addEventListener(name, show, true);
  plot.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") box.hidden = true;
  });
  // What is shown belongs to the picture before.
  const replace = (spots) => {
    current = spots;
    box.hidden = true;
  };
  return { show: replace };
}
