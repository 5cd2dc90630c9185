// Entities and events as nodes, relations and roles as edges. The drawing library is loaded when needed.

import { h, replace } from './dom'
import { hue, visibleDoc } from './state'
import type { Doc } from './types'
import { t } from './words'

const EDGES = 1500

export interface Net {
  nodes: Map<string, { label: string; hue: number; isEvent: boolean }>
  edges: { from: string; to: string; label: string }[]
}

// What has one name is one node: an organisation may be an end of type 企业 and an argument without type.
export function netOf(doc: Doc): Net {
  const net: Net = { nodes: new Map(), edges: [] }
  const typed = new Map(doc.entities.map((entity) => [entity.text, entity.type]))
  const told = new Set<string>()
  const node = (text: string, type: string | null): string => {
    const id = `name ${text}`
    if (!net.nodes.has(id)) net.nodes.set(id, { label: text, hue: hue(typed.get(text) ?? type), isEvent: false })
    return id
  }
  const edge = (from: string, to: string, label: string): void => {
    const key = JSON.stringify([from, to, label])
    if (!told.has(key)) net.edges.push({ from, to, label })
    told.add(key)
  }
  for (const { type, subject, object } of doc.relations) {
    edge(node(subject.text, subject.type), node(object.text, object.type), type)
  }
  doc.events.forEach((event, i) => {
    const id = `event ${i}`
    net.nodes.set(id, { label: event.trigger?.text ?? event.type, hue: hue(event.type), isEvent: true })
    for (const { role, text } of event.arguments) edge(id, node(text, null), role)
  })
  return net
}

let close: (() => void) | null = null

export function leaveGraph(): void {
  close?.()
  close = null
}

export function graphView(): HTMLElement[] {
  const net = netOf(visibleDoc()!)
  if (!net.edges.length) return [h('p', { class: 'empty' }, t('noGraph'))]
  const note = net.edges.length > EDGES ? [h('p', { class: 'hint' }, t('graphLimit', { n: EDGES }))] : []
  net.edges = net.edges.slice(0, EDGES)
  const alt = t('graphAlt', { n: net.nodes.size, m: net.edges.length })
  const canvas = h('div', { class: 'graph', role: 'img', 'aria-label': alt })
  import('./graph_drawing')
    .then(({ draw }) => {
      if (canvas.isConnected) close = draw(canvas, net)
    })
    .catch(() => replace(canvas, t('graphFails')))
  return [...note, canvas, h('p', { class: 'hint' }, alt)]
}
