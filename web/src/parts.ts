// Small parts that several views share.

import { button, field, h, replace, select } from './dom'
import { points, state } from './state'
import { say } from './status'
import { type EventEntry, type Mention, type RelationEntry, type TypeEntry, entry } from './types'
import { t } from './words'

export function typeNames(list: 'entities' | 'relations' | 'events'): string[] {
  const items: (TypeEntry | string)[] = state.schema[list]
  return [...new Set(items.map((item) => entry(item).name).filter(Boolean))]
}

export function rolesOf(type: string): string[] {
  const found = state.schema.events.map((item) => entry<EventEntry>(item)).find((item) => item.name === type)
  return (found?.roles ?? []).map((role) => entry(role).name)
}

export function relationEntries(): RelationEntry[] {
  return state.schema.relations.map((item) => entry<RelationEntry>(item))
}

export function place(mention: Mention): string {
  return mention.start === null ? t('notInText') : `${mention.start}–${mention.end}`
}

export function scoreCell(score: number | undefined): HTMLElement {
  return h('td', { class: 'figure' }, score === undefined ? '' : score.toFixed(2))
}

export function valueCell(value: unknown): HTMLElement {
  return h('td', {}, said(value))
}

function said(value: unknown): string {
  if (value === undefined || value === null) return ''
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

export function mentionText(mention: Mention): string {
  const value = said(mention.value)
  return value ? `${mention.text} = ${value}` : mention.text
}

// A field for a stretch of the text: typed, or taken from the selection; where it stands several
// times, which one is asked.
export function mentionPicker(
  id: string,
  label: string,
  add: (mention: { text: string; start: number; end: number }) => void,
): HTMLElement {
  const which = h('span')
  let places: [number, number][] = []
  let chosen = 0
  const typed = h('input', { type: 'text', id: `pick-${id}`, autocomplete: 'off' })
  const find = (): void => {
    places = points().places(typed.value)
    chosen = 0
    const selected = state.selection
    if (selected && selected.text === typed.value) {
      chosen = Math.max(0, places.findIndex(([start]) => start === selected.start))
    }
    const options = places.map(([start, end], i): [string, string] => [
      String(i),
      `${i + 1}: …${points().slice(Math.max(0, start - 6), start)}【${points().slice(start, end)}】${points().slice(end, end + 6)}…`,
    ])
    replace(which, places.length > 1 && field(t('occurrence'), select(options, String(chosen), (value) => (chosen = Number(value)))))
  }
  const submit = (): void => {
    if (!typed.value) return
    const found = places[chosen]
    if (!found) {
      say(t('notFound', { text: typed.value }), 'error')
      return
    }
    typed.value = ''
    replace(which)
    add({ text: points().slice(...found), start: found[0], end: found[1] })
  }
  typed.addEventListener('input', find)
  typed.addEventListener('focus', () => {
    if (!typed.value && state.selection) {
      typed.value = state.selection.text
      find()
    }
  })
  typed.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && !event.isComposing) {
      event.preventDefault()
      submit()
    }
  })
  return h('div', { class: 'row picker' }, field(label, typed), which, button(t('add'), submit, { id: `add-${id}` }))
}
