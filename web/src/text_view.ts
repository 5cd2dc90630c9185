// The text with its mentions, a legend, and the table of entities; in editing, marks are made here.

import { addEntity, deleteEntity, retypeEntity } from './edits'
import { button, cut, field, h, replace, select, shown } from './dom'
import { type Mark, markedBlocks, placeOf, pointAt } from './marks'
import { mentionPicker, place, scoreCell, typeNames, valueCell } from './parts'
import { current, edit, hue, points, state, update, visibleDoc } from './state'
import { say } from './status'
import type { Doc, Mention } from './types'
import { t } from './words'

const ROWS = 300
let markType = ''
let shownRows = ROWS

export function textView(): HTMLElement[] {
  const doc = visibleDoc()!
  const text = textElement(doc)
  return [
    legend(doc),
    ...(state.editing ? [toolbar(text)] : []),
    text,
    entityTable(doc),
  ]
}

function marksOf(doc: Doc): Mark[] {
  const marks: Mark[] = []
  const add = (mention: Mention, label: string, type: string, kind: Mark['kind'], index: number) => {
    if (mention.start === null || mention.end === null) return
    const score = mention.score === undefined ? '' : ` · ${mention.score.toFixed(2)}`
    const title = `${mention.text} · ${label}${score}`
    marks.push({ start: mention.start, end: mention.end, label, hue: hue(type), kind, title, index })
  }
  if (state.layers.has('entities')) {
    const indexes = new Map(current()!.entities.map((entity, i) => [entity, i]))
    for (const entity of doc.entities) {
      const type = entity.type ?? ''
      if (!state.hiddenTypes.has(type)) add(entity, type, type, 'entity', indexes.get(entity) ?? -1)
    }
  }
  for (const event of doc.events) {
    if (state.layers.has('triggers') && event.trigger) {
      add(event.trigger, event.type, event.type, 'trigger', -1)
    }
    if (state.layers.has('arguments')) {
      for (const argument of event.arguments) add(argument, argument.role, event.type, 'argument', -1)
    }
  }
  return marks
}

function textElement(doc: Doc): HTMLElement {
  const text = h(
    'div',
    {
      class: 'text',
      id: 'annotated',
      lang: 'zh',
      tabindex: 0,
      role: state.editing ? 'textbox' : 'region',
      'aria-label': t('annotated'),
      'aria-multiline': state.editing ? 'true' : undefined,
      'aria-readonly': state.editing ? 'true' : undefined,
      // A caret, so that text can be selected by keys; what would change the text is refused.
      contenteditable: state.editing ? 'true' : undefined,
      spellcheck: state.editing ? 'false' : undefined,
    },
  )
  text.append(...markedBlocks(points(), marksOf(doc), text))
  if (state.editing) makeEditable(text)
  return text
}

function makeEditable(text: HTMLElement): void {
  for (const kind of ['beforeinput', 'paste', 'cut', 'drop', 'dragstart'] as const) {
    text.addEventListener(kind, (event) => event.preventDefault())
  }
  // What an input method writes cannot be refused; the text is put back.
  text.addEventListener('compositionend', () => update())
  text.addEventListener('keydown', keyPressed)
  text.addEventListener('click', (event) => {
    const mark = (event.target as Element).closest<HTMLElement>('mark.entity')
    if (mark && getSelection()?.isCollapsed) editMention(Number(mark.dataset.index))
  })
}

export function takeSelection(): void {
  if (!state?.editing) return
  const selection = getSelection()
  if (!selection?.rangeCount || selection.isCollapsed) return
  const range = selection.getRangeAt(0)
  let start = pointAt(range.startContainer, range.startOffset)
  let end = pointAt(range.endContainer, range.endOffset)
  if (start === null || end === null || start >= end) return
  const text = points().slice(start, end)
  // Blanks at the ends are no part of a name.
  start += [...text].length - [...text.trimStart()].length
  end -= [...text].length - [...text.trimEnd()].length
  if (start < end) {
    state.selection = { start, end, text: points().slice(start, end) }
    const output = document.querySelector('#selected')
    if (output) replace(output, short(state.selection.text))
  }
}

// Select again what was selected, once the text is drawn anew.
export function keepSelection(): void {
  const text = document.querySelector<HTMLElement>('#annotated')
  if (!state.editing || !state.selection || !text || document.activeElement !== text) return
  const start = placeOf(text, state.selection.start)
  const end = placeOf(text, state.selection.end)
  if (start && end) getSelection()?.setBaseAndExtent(...start, ...end)
}

const short = (text: string): string => (text.length > 30 ? `${text.slice(0, 28)}…` : text)

function keyPressed(event: KeyboardEvent): void {
  // The event that tells of a selection comes later than the key.
  takeSelection()
  const types = typeNames('entities')
  const digit = Number(event.key)
  const hasSelection = !getSelection()?.isCollapsed && state.selection !== null
  if (hasSelection && digit >= 1 && digit <= types.length) {
    event.preventDefault()
    mark(types[digit - 1])
  } else if (event.key === 'Enter') {
    event.preventDefault()
    if (hasSelection) mark(markType || types[0])
    else {
      const anchor = getSelection()?.anchorNode
      const element = anchor instanceof Element ? anchor : anchor?.parentElement
      const found = element?.closest<HTMLElement>('mark.entity')
      if (found) editMention(Number(found.dataset.index))
    }
  }
}

function mark(type: string | undefined): void {
  takeSelection()
  const chosen = state.selection
  if (!chosen || !type) return
  edit(addEntity(current()!, { type, ...plain(chosen) }))
  say(t('marked', { text: `${chosen.text} · ${type}` }))
  refocus(chosen.start)
}

const plain = ({ start, end, text }: { start: number; end: number; text: string }) => ({ text, start, end })

// Put the caret back where it was, once the text is drawn anew.
function refocus(point: number): void {
  requestAnimationFrame(() =>
    requestAnimationFrame(() => {
      const text = document.querySelector<HTMLElement>('#annotated')
      const place = text && placeOf(text, point)
      if (!place) return
      text.focus({ preventScroll: true })
      getSelection()?.collapse(...place)
    }),
  )
}

function toolbar(text: HTMLElement): HTMLElement {
  const types = typeNames('entities')
  if (!types.includes(markType)) markType = types[0] ?? ''
  const labelled = types.map((type, i): [string, string] => [type, i < 9 ? `${i + 1} ${type}` : type])
  const hint = h('p', { class: 'hint', id: 'edit-hint' }, t('editHint'))
  text.setAttribute('aria-describedby', 'edit-hint')
  return h(
    'section',
    { class: 'toolbar', 'aria-label': t('correct') },
    hint,
    h(
      'div',
      { class: 'row' },
      h('span', {}, `${t('selected')}: `, h('output', { id: 'selected', class: 'selected' }, state.selection ? short(state.selection.text) : t('nothingSelected'))),
      field(t('type'), select(labelled, markType, (value) => (markType = value), { id: 'mark-type' })),
      button(t('mark'), () => mark(markType), { class: 'primary', id: 'mark-button' }),
    ),
    mentionPicker('entity', t('typeIt'), (mention) => {
      edit(addEntity(current()!, { type: markType, ...mention }))
      say(t('marked', { text: `${mention.text} · ${markType}` }))
    }),
  )
}

function legend(doc: Doc): HTMLElement {
  const counts = new Map<string, number>()
  for (const { type } of doc.entities) counts.set(type ?? '', (counts.get(type ?? '') ?? 0) + 1)
  const layer = (name: 'entities' | 'triggers' | 'arguments') =>
    h(
      'label',
      { class: 'check' },
      h('input', {
        type: 'checkbox',
        checked: state.layers.has(name),
        on: {
          change: () => {
            toggle(state.layers, name)
            update()
          },
        },
      }),
      t(name),
    )
  const chips = [...counts].map(([type, count]) => {
    const isOn = !state.hiddenTypes.has(type)
    const chip = button(`${cut(type, 24)} ${count}`, () => {
      toggle(state.hiddenTypes, type)
      update()
    }, { class: 'chip', 'aria-pressed': isOn ? 'true' : 'false' })
    chip.style.setProperty('--hue', String(hue(type)))
    return chip
  })
  return h(
    'div',
    { class: 'legend' },
    h('div', { class: 'row', role: 'group', 'aria-label': t('layers') }, layer('entities'), layer('triggers'), layer('arguments')),
    h('div', { class: 'row', role: 'group', 'aria-label': t('types') }, ...chips),
  )
}

function toggle<T>(set: Set<T>, item: T): void {
  if (!set.delete(item)) set.add(item)
}

function entityTable(doc: Doc): HTMLElement {
  if (!doc.entities.length) return h('p', { class: 'empty' }, t('noEntities'))
  const all = current()!.entities
  const hasValue = doc.entities.some((one) => one.value !== undefined)
  const heads = [t('mention'), t('type'), t('place'), t('score'), ...(hasValue ? [t('value')] : [])]
  const rows = doc.entities.slice(0, shownRows).map((entity) => {
    const index = all.indexOf(entity)
    return h(
      'tr',
      {},
      h('td', {}, entity.text),
      h('td', {}, state.editing
        ? select(withCurrent(typeNames('entities'), entity.type ?? ''), entity.type ?? '', (type) => edit(retypeEntity(current()!, index, type)), { 'aria-label': `${t('type')} ${shown(entity.text)}` })
        : entity.type ?? ''),
      h('td', { class: 'figure' }, place(entity)),
      scoreCell(entity.score),
      ...(hasValue ? [valueCell(entity.value)] : []),
      state.editing && h('td', {}, button(t('delete'), () => removeMention(index), { 'aria-label': t('deleteThis', { name: entity.text }) })),
    )
  })
  const more = doc.entities.length - shownRows
  return h(
    'details',
    { open: true, class: 'table' },
    h('summary', {}, `${t('entityTable')} (${doc.entities.length})`),
    h('table', {}, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)), state.editing && h('td'))), h('tbody', {}, ...rows)),
    more > 0 && button(`+ ${more}`, () => { shownRows += 2000; update() }),
  )
}

function withCurrent(names: string[], name: string): string[] {
  return names.includes(name) ? names : [name, ...names]
}

function removeMention(index: number): void {
  edit(deleteEntity(current()!, index))
  say(t('deleted'))
}

function editMention(index: number): void {
  const entity = current()?.entities[index]
  if (!entity) return
  const dialog = h('dialog', { class: 'popup', 'aria-label': t('editMention') })
  const close = (): void => dialog.close()
  const chosen = select(withCurrent(typeNames('entities'), entity.type ?? ''), entity.type ?? '', (type) => {
    edit(retypeEntity(current()!, index, type))
    close()
  })
  dialog.append(
    h('h3', {}, entity.text),
    field(t('type'), chosen),
    h('div', { class: 'row' },
      button(t('delete'), () => { removeMention(index); close() }, { class: 'danger' }),
      button(t('close'), close)),
  )
  dialog.addEventListener('close', () => {
    dialog.remove()
    refocus(entity.start ?? 0)
  })
  document.body.append(dialog)
  dialog.showModal()
}
