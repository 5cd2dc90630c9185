// The schema, chosen from the built-in ones and edited in place.

import * as api from './api'
import { button, field, h, replace, select, shown } from './dom'
import { state, update, updateWhenReleased } from './state'
import { say, sayError } from './status'
import { type EventEntry, type RelationEntry, type Schema, type TypeEntry, entry } from './types'
import { t } from './words'

type List = 'entities' | 'relations' | 'events'
const TITLES = { entities: 'ner', relations: 're', events: 'ee' } as const
// Choices that are no name of a built-in schema.
const OWN = '+own'
const PROJECT = '+project'
// Lists that are unfolded; they stay so when the view is drawn anew.
const unfolded = new Set<string>()

export function schemaChooser(names: { name: string; description: string }[]): HTMLElement {
  const known = names.map(({ name, description }): [string, string] => [name, description ? `${name} · ${short(description)}` : name])
  const isBuiltIn = names.some(({ name }) => name === state.schemaName)
  const own = `${state.schema.name}${state.schemaName ? '' : t('changed')}`
  const options: [string, string][] = isBuiltIn ? [] : [[state.schemaName, own]]
  options.push([OWN, t('ownSchema')])
  if (state.projectSchema) options.push([PROJECT, t('projectSchema')])
  options.push(...known)
  return field(
    t('schema'),
    select(options, state.schemaName, async (name) => {
      try {
        if (name === PROJECT) setSchema(state.projectSchema!, '')
        else if (name === OWN) beginSchema()
        else setSchema(await api.schema(name), name)
      } catch (error) {
        sayError(error)
      }
    }, { id: 'schema' }),
  )
}

// A schema without types, with the editor open.
function beginSchema(): void {
  unfolded.add('schema').add('entities')
  setSchema({ name: 'own', entities: [], relations: [], events: [] }, '')
}

const short = (text: string): string => (text.length > 18 ? `${text.slice(0, 17)}…` : text)

export function setSchema(schema: Schema, name: string): void {
  const tasks = (['entities', 'relations', 'events'] as const).filter((list) => schema[list]?.length).map((list) => TITLES[list] as string)
  update({ schema, schemaName: name, tasks: new Set(tasks), hiddenTypes: new Set() })
}

export function schemaEditor(): HTMLElement {
  const body = h('div')
  const details = h('details', { id: 'schema-editor', open: unfolded.has('schema') }, h('summary', {}, t('editSchema')), body)
  const build = (): void => replace(body, ...(['entities', 'relations', 'events'] as const).map(listEditor), jsonEditor())
  details.addEventListener('toggle', () => {
    remember('schema', details.open)
    if (details.open && !body.childElementCount) build()
  })
  if (details.open) build()
  return details
}

function remember(key: string, isOpen: boolean): void {
  if (isOpen) unfolded.add(key)
  else unfolded.delete(key)
}

// Change the schema; with `draws` the editor is drawn anew, which typing must not cause.
function change(list: List, items: (TypeEntry | string)[], draws = true): void {
  const schema = { ...state.schema, [list]: items } as Schema
  const tasks = new Set(state.tasks)
  if (items.length === 1 && state.schema[list].length === 0) tasks.add(TITLES[list])
  if (!items.length) tasks.delete(TITLES[list])
  Object.assign(state, { schema, tasks, schemaName: '' })
  if (draws) update()
}

function listEditor(list: List): HTMLElement {
  const items = state.schema[list]
  const body = h('div', { class: 'entries' })
  const details = h('details', { class: 'list', open: unfolded.has(list), 'data-list': list }, h('summary', {}, `${t(TITLES[list])} (${items.length})`), body)
  const build = (): void =>
    replace(
      body,
      ...items.map((_, i) => row(list, i)),
      button(t('addType'), () => {
        unfolded.add(list)
        const added: TypeEntry = list === 'events' ? { name: '', trigger: true, roles: [] } : { name: '' }
        change(list, [...state.schema[list], added])
        // The new name is to be typed next.
        requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector<HTMLInputElement>(`[data-list=${list}] .entry:last-of-type input`)?.focus()))
      }, { class: 'add-type' }),
    )
  details.addEventListener('toggle', () => {
    remember(list, details.open)
    if (details.open && !body.childElementCount) build()
  })
  if (details.open) build()
  return details
}

function row(list: List, index: number): HTMLElement {
  const item = entry<TypeEntry>(state.schema[list][index])
  const put = (key: string, value: unknown): void => {
    const items = [...state.schema[list]]
    const changed: TypeEntry = { ...entry<TypeEntry>(items[index]), [key]: value }
    if (value === '' && key !== 'name') delete changed[key]
    items[index] = changed
    change(list, items, false)
  }
  const label = shown(item.name)
  return h(
    'fieldset',
    { class: 'entry' },
    h('legend', { class: 'hidden' }, label || t('addType')),
    h(
      'div',
      { class: 'row' },
      text(t('name'), item.name, (value) => put('name', value)),
      button('×', () => change(list, state.schema[list].filter((_, i) => i !== index)), { 'aria-label': `${t('remove')} ${label}` }),
    ),
    list === 'relations' && ends(item as RelationEntry, put),
    text(t('description'), item.description ?? '', (value) => put('description', value)),
    list === 'events' && roles(item as EventEntry, put),
  )
}

function text(label: string, value: string, put: (value: string) => void): HTMLElement {
  const input = h('input', { type: 'text', value, placeholder: label, 'aria-label': label, on: { change: () => { put(input.value.trim()); updateWhenReleased() }, input: () => put(input.value.trim()) } })
  return input
}

function ends(item: RelationEntry, put: (key: string, value: unknown) => void): HTMLElement {
  const names = state.schema.entities.map((one) => entry<TypeEntry>(one).name)
  const end = (key: 'subject' | 'object'): HTMLElement => {
    const chosen = item[key] ?? ''
    const options = [...new Set([chosen, ...names])].filter(Boolean).map((name): [string, string] => [name, name])
    return select([['', `${t(key)}: *`], ...options], chosen, (value) => put(key, value), { 'aria-label': t(key) })
  }
  return h('div', { class: 'row' }, end('subject'), '→', end('object'))
}

function roles(item: EventEntry, put: (key: string, value: unknown) => void): HTMLElement {
  const current = (item.roles ?? []).map((role) => entry<TypeEntry>(role))
  const draw = (next: TypeEntry[]): void => {
    put('roles', next)
    update()
  }
  return h(
    'div',
    { class: 'roles', role: 'group', 'aria-label': t('roles') },
    ...current.map((role, i) => {
      const next = (key: string, value: string): void => {
        const changed = { ...current[i], [key]: value }
        if (!value && key !== 'name') delete changed[key]
        current[i] = changed
        put('roles', [...current])
      }
      return h(
        'div',
        { class: 'row' },
        text(t('role'), role.name, (value) => next('name', value)),
        text(t('description'), role.description ?? '', (value) => next('description', value)),
        button('×', () => draw(current.filter((_, j) => j !== i)), { 'aria-label': `${t('remove')} ${shown(role.name)}` }),
      )
    }),
    button(t('addRole'), () => draw([...current, { name: '' }])),
  )
}

function jsonEditor(): HTMLElement {
  const area = h('textarea', { rows: 10, spellcheck: 'false', 'aria-label': t('asJson'), id: 'schema-json' })
  const details = h('details', { class: 'list' }, h('summary', {}, t('asJson')), area, button(t('apply'), () => apply(area.value), { id: 'apply-json' }))
  details.addEventListener('toggle', () => {
    if (details.open) area.value = JSON.stringify(state.schema, null, 1)
  })
  return details
}

function apply(written: string): void {
  try {
    const value = JSON.parse(written)
    const isSchema = typeof value === 'object' && value !== null && ['entities', 'relations', 'events'].every((list) => Array.isArray(value[list] ?? []))
    if (!isSchema) return say(t('badSchema'), 'error')
    setSchema({ name: 'schema', entities: [], relations: [], events: [], ...value }, '')
    say(t('applied'))
  } catch (error) {
    say(t('badJson', { why: (error as Error).message }), 'error')
  }
}

// The schema as it is asked for: entries without a name are not there yet.
export function askedSchema(): Schema {
  const named = <T extends TypeEntry>(items: (T | string)[]): (T | string)[] => items.filter((item) => entry<T>(item).name)
  const events = named(state.schema.events).map((item) => {
    const event = entry<EventEntry>(item)
    return event.roles ? { ...event, roles: named(event.roles) } : event
  })
  return { ...state.schema, entities: named(state.schema.entities), relations: named(state.schema.relations), events }
}
