// The graph on a canvas, by sigma; graphology holds it and lays it out.

import { MultiDirectedGraph } from 'graphology'
import forceAtlas2 from 'graphology-layout-forceatlas2'
import Sigma from 'sigma'
import { shown } from './dom'
import type { Net } from './graph_view'

function hex(hue: number, lightness: number): string {
  const channel = (n: number): string => {
    const k = (n + hue / 30) % 12
    const value = lightness - 0.55 * Math.min(lightness, 1 - lightness) * Math.max(-1, Math.min(k - 3, 9 - k, 1))
    return Math.round(value * 255).toString(16).padStart(2, '0')
  }
  return `#${channel(0)}${channel(8)}${channel(4)}`
}

export function draw(container: HTMLElement, net: Net): () => void {
  // Sigma knows no variables of CSS: the colours are taken as the browser has worked them out.
  const style = getComputedStyle(container)
  const graph = new MultiDirectedGraph()
  let number = 0
  for (const [id, node] of net.nodes) {
    const turn = (2 * Math.PI * number++) / net.nodes.size
    graph.addNode(id, {
      label: shown(node.label),
      color: hex(node.hue, 0.5),
      x: Math.cos(turn),
      y: Math.sin(turn),
    })
  }
  for (const { from, to, label } of net.edges) {
    graph.addEdge(from, to, { label: shown(label), size: 2, color: style.borderTopColor })
  }
  graph.forEachNode((id) => {
    const isEvent = net.nodes.get(id)!.isEvent
    graph.setNodeAttribute(id, 'size', (isEvent ? 9 : 6) + Math.min(8, graph.degree(id)))
  })
  const settings = { ...forceAtlas2.inferSettings(graph), gravity: 1, adjustSizes: true }
  forceAtlas2.assign(graph, { iterations: net.nodes.size > 400 ? 60 : 250, settings })
  const text = style.color
  const sigma = new Sigma(graph, container, {
    renderEdgeLabels: true,
    defaultEdgeType: 'arrow',
    labelColor: { color: text },
    edgeLabelColor: { color: text },
    labelFont: 'system-ui, sans-serif',
    edgeLabelFont: 'system-ui, sans-serif',
    labelSize: 14,
    edgeLabelSize: 12,
    labelRenderedSizeThreshold: net.nodes.size > 200 ? 8 : 0,
    zIndex: true,
    stagePadding: 60,
  })
  // Pointing at a node leaves it and its neighbours.
  let near: Set<string> | null = null
  sigma.setSetting('nodeReducer', (id, data) => (near && !near.has(id) ? { ...data, color: '#9995', label: '' } : data))
  sigma.setSetting('edgeReducer', (id, data) => ({ ...data, hidden: near !== null && !graph.extremities(id).every((end) => near!.has(end)) }))
  sigma.on('enterNode', ({ node }) => {
    near = new Set([node, ...graph.neighbors(node)])
    sigma.refresh()
  })
  sigma.on('leaveNode', () => {
    near = null
    sigma.refresh()
  })
  return () => sigma.kill()
}
