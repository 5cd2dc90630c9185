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

export function netOf(doc: Doc): Net {
  const net: Net = { nodes: new Map(), edges: [] }
  const node = (text: string, type: string | null, isEvent = false, id = `${type} ${text}`): string => {
    if (!net.nodes.has(id)) net.nodes.set(id, { label: text, hue: hue(type), isEvent })
    return id
  }
  // One thing may be an end of a relation, with a type, and an argument, without.
  const typed = new Map(doc.entities.map((entity) => [entity.text, entity.type]))
  for (const { type, subject, object } of doc.relations) {
    net.edges.push({ from: node(subject.text, subject.type), to: node(object.text, object.type), label: type })
  }
  doc.events.forEach((event, i) => {
    const id = node(event.trigger?.text ?? event.type, event.type, true, `event ${i}`)
    for (const { role, text } of event.arguments) {
      net.edges.push({ from: id, to: node(text, typed.get(text) ?? null), label: role })
    }
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
