// Relations: arcs over the sentences they stand in, and a table.

import { addRelation, deleteRelation, retypeRelation } from './edits'
import { button, field, h, select, shown, svg } from './dom'
import { type Mark, fill } from './marks'
import { mentionText, place, relationEntries, scoreCell, typeNames } from './parts'
import { current, edit, hue, points, state, update, visibleDoc } from './state'
import { say } from './status'
import type { Doc, Entity, Relation } from './types'
import { t } from './words'

// Figures that are drawn at once, and the most characters of one.
const FIGURES = 12
const WIDEST = 240
let figures = FIGURES
const ROWS = 300
let shownRows = ROWS

interface Figure {
  start: number
  end: number
  relations: Relation[]
}

export function relationsView(): (HTMLElement | false)[] {
  const doc = visibleDoc()!
  const found = figuresOf(doc)
  const more = found.length - figures
  return [
    state.editing && adder(doc),
    ...found.slice(0, figures).map(figureElement),
    more > 0 && button(t('moreFigures', { n: Math.min(more, 30) }), () => { figures += 30; update() }),
    table(doc),
  ]
}

// Group relations whose ends are near by the sentences that hold them.
function figuresOf(doc: Doc): Figure[] {
  const found: Figure[] = []
  const located = doc.relations.filter(({ subject, object }) => subject.start !== null && object.start !== null)
  const ordered = located
    .map((relation) => ({ relation, span: around(relation) }))
    .sort((a, b) => a.span[0] - b.span[0] || a.span[1] - b.span[1])
  for (const { relation, span: [start, end] } of ordered) {
    if (end - start > WIDEST) continue
    const last = found.at(-1)
    if (last && start < last.end && Math.max(end, last.end) - last.start <= WIDEST) {
      last.end = Math.max(last.end, end)
      last.relations.push(relation)
    } else found.push({ start, end, relations: [relation] })
  }
  return found
}

// The sentences around both ends, as far as they are short.
function around({ subject, object }: Relation): [number, number] {
  const low = Math.min(subject.start!, object.start!)
  const high = Math.max(subject.end!, object.end!)
  const from = Math.max(0, low - 60)
  const before = points().slice(from, low)
  const after = points().slice(high, high + 60)
  const cut = Math.max(...[...'。！？\n'].map((mark) => before.lastIndexOf(mark)))
  const ends = [...'。！？\n'].map((mark) => after.indexOf(mark)).filter((at) => at >= 0)
  const start = cut < 0 ? from : low - [...before.slice(cut + 1)].length
  const stop = ends.length ? high + [...after.slice(0, Math.min(...ends) + 1)].length : Math.min(points().length, high + 60)
  return [start, stop]
}

function figureElement(figure: Figure): HTMLElement {
  const ends = new Map<string, Mark>()
  for (const { subject, object } of figure.relations) {
    for (const end of [subject, object]) {
      ends.set(key(end), { start: end.start!, end: end.end!, label: end.type ?? '', hue: hue(end.type), kind: 'entity', title: end.text, index: 0 })
    }
  }
  const marks = [...ends.values()].sort((a, b) => a.start - b.start || b.end - a.end)
  marks.forEach((mark, i) => (mark.index = i))
  const line = h('div', { class: 'line', lang: 'zh' })
  fill(line, points(), marks, figure.start, figure.end)
  const drawing = svg('svg', { class: 'arcs', 'aria-hidden': 'true' })
  const element = h('figure', { class: 'arcs-figure', tabindex: 0, role: 'group', 'aria-label': figure.relations.map(sentence).join('；') }, h('div', { class: 'scroll' }, drawing, line))
  const place = new Map([...ends.keys()].map((id) => [id, ends.get(id)!.index]))
  requestAnimationFrame(() => draw(drawing, line, figure.relations, place))
  return element
}

const key = (end: Entity): string => `${end.start}:${end.end}:${end.type}`
const sentence = (r: Relation): string => shown(`${r.subject.text} ${r.type} ${r.object.text}`)

function draw(drawing: SVGElement, line: HTMLElement, relations: Relation[], place: Map<string, number>): void {
  const origin = line.getBoundingClientRect()
  const middle = (end: Entity): number => {
    const box = line.querySelector(`[data-index="${place.get(key(end))}"]`)!.getBoundingClientRect()
    return box.left + box.width / 2 - origin.left
  }
  const arcs = relations
    .map((relation) => ({ relation, from: middle(relation.subject), to: middle(relation.object) }))
    .map((arc) => ({ ...arc, left: Math.min(arc.from, arc.to), right: Math.max(arc.from, arc.to), level: 0 }))
    .sort((a, b) => a.right - a.left - (b.right - b.left))
  arcs.forEach((arc, i) => {
    const below = arcs.slice(0, i).filter((other) => other.left < arc.right + 30 && arc.left - 30 < other.right)
    arc.level = 1 + below.reduce((top, other) => Math.max(top, other.level), 0)
  })
  const levels = arcs.reduce((top, arc) => Math.max(top, arc.level), 0)
  const height = levels * 26 + 18
  const width = line.scrollWidth
  drawing.setAttribute('width', String(width))
  drawing.setAttribute('height', String(height))
  for (const { relation, from, to, level } of arcs) {
    const top = height - level * 26
    const turn = Math.min(14, Math.abs(to - from) / 2)
    const way = to > from ? 1 : -1
    const path = `M${from},${height} V${top + turn} Q${from},${top} ${from + way * turn},${top} H${to - way * turn} Q${to},${top} ${to},${top + turn} V${height - 3}`
    const label = svg('text', { x: (from + to) / 2, y: top - 4, 'text-anchor': 'middle' }, relation.type)
    const tip = svg('path', { class: 'tip', d: `M${to - 4},${height - 8} L${to},${height} L${to + 4},${height - 8} Z` })
    const group = svg('g', { class: 'arc' }, svg('path', { d: path }), tip, label)
    ;(group as SVGGElement).style.setProperty('--hue', String(hue(relation.type)))
    drawing.append(group)
  }
}

function table(doc: Doc): HTMLElement {
  if (!doc.relations.length) return h('p', { class: 'empty' }, t('noRelations'))
  const all = current()!.relations
  const hasQualifiers = doc.relations.some(({ qualifiers }) => Object.keys(qualifiers ?? {}).length)
  const heads = [t('subject'), t('predicate'), t('object'), ...(hasQualifiers ? [t('qualifiers')] : []), t('place'), t('score')]
  const rows = doc.relations.slice(0, shownRows).map((relation) => {
    const index = all.indexOf(relation)
    const names = typeNames('relations')
    if (!names.includes(relation.type)) names.unshift(relation.type)
    return h(
      'tr',
      {},
      h('td', {}, mentionText(relation.subject), h('small', {}, relation.subject.type)),
      h('td', {}, state.editing
        ? select(names, relation.type, (type) => edit(retypeRelation(current()!, index, type)), { 'aria-label': `${t('predicate')} ${sentence(relation)}` })
        : relation.type),
      h('td', {}, mentionText(relation.object), h('small', {}, relation.object.type)),
      hasQualifiers && h('td', {}, Object.entries(relation.qualifiers ?? {}).map(([name, end]) => `${name}: ${end.text}`).join('；')),
      h('td', { class: 'figure' }, `${place(relation.subject)} → ${place(relation.object)}`),
      scoreCell(relation.score),
      state.editing && h('td', {}, button(t('delete'), () => { edit(deleteRelation(current()!, index)); say(t('deleted')) }, { 'aria-label': t('deleteThis', { name: sentence(relation) }) })),
    )
  })
  const more = doc.relations.length - shownRows
  return h('div', { class: 'table' }, h('table', {}, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)), state.editing && h('td'))), h('tbody', {}, ...rows)), more > 0 && button(`+ ${more}`, () => { shownRows += 2000; update() }))
}

const added = { type: '', subject: '0', object: '1' }

function adder(doc: Doc): HTMLElement {
  const types = typeNames('relations')
  if (!types.length) return h('p', { class: 'hint' }, t('noRelationTypes'))
  if (doc.entities.length < 2) return h('p', { class: 'hint' }, t('needEntities'))
  if (!types.includes(added.type)) added.type = types[0]
  const last = doc.entities.length - 1
  for (const end of ['subject', 'object'] as const) if (Number(added[end]) > last) added[end] = String(last)
  // Ends that the relation allows come first.
  const options = (wanted: string | undefined): [string, string][] =>
    doc.entities
      .map((one, i): [string, string, boolean] => [String(i), `${one.text} (${one.type}) ${place(one)}`, one.type === wanted])
      .sort((a, b) => Number(b[2]) - Number(a[2]))
      .map(([value, label]) => [value, label])
  const declared = relationEntries().find(({ name }) => name === added.type)
  return h(
    'section',
    { class: 'toolbar', 'aria-label': t('addRelation') },
    h('h3', {}, t('addRelation')),
    h(
      'div',
      { class: 'row' },
      field(t('subject'), select(options(declared?.subject), added.subject, (value) => (added.subject = value), { id: 'add-subject' })),
      field(t('predicate'), select(types, added.type, (value) => (added.type = value), { id: 'add-predicate' })),
      field(t('object'), select(options(declared?.object), added.object, (value) => (added.object = value), { id: 'add-object' })),
      button(t('add'), () => {
        // An end is of the type that the relation declares, which need not be an entity type.
        const end = (index: string, declaredType: string | undefined): Entity => {
          const { type, text, start, end } = doc.entities[Number(index)]
          return { type: declaredType ?? type, text, start, end }
        }
        const chosen = relationEntries().find(({ name }) => name === added.type)
        edit(addRelation(current()!, { type: added.type, subject: end(added.subject, chosen?.subject), object: end(added.object, chosen?.object) }))
      }, { class: 'primary', id: 'add-relation' }),
    ),
  )
}
