// What the page knows, in one place. Views read it, change it by `update`, and are told.

import type { About, Doc, EventFact, Schema } from './types'
import { Points } from './points'

export type Tab = 'text' | 'relations' | 'events' | 'graph' | 'issues' | 'project'

export interface Selection {
  start: number
  end: number
  text: string
}

export interface State {
  about: About
  schemaName: string
  schema: Schema
  // The types of the saved documents, once there are some.
  projectSchema: Schema | null
  tasks: Set<string>
  model: string
  documents: Doc[]
  current: number
  // Earlier forms of the current document.
  past: Doc[]
  threshold: number
  layers: Set<'entities' | 'triggers' | 'arguments'>
  hiddenTypes: Set<string>
  editing: boolean
  selection: Selection | null
  tab: Tab
  untrained: Record<string, string[]>
}

export let state: State
const listeners: (() => void)[] = []
let isDue = false

export function begin(first: State): void {
  state = first
}

export function listen(listener: () => void): void {
  listeners.push(listener)
}

export function update(change: Partial<State> = {}): void {
  Object.assign(state, change)
  if (isDue) return
  isDue = true
  requestAnimationFrame(() => {
    isDue = false
    const at = fields().indexOf(document.activeElement as HTMLElement)
    for (const listener of listeners) listener()
    // Drawing anew takes the focus away; it goes back to the same field of the editor.
    if (at >= 0 && document.activeElement === document.body) fields()[at]?.focus()
  })
}

const fields = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>('.entries :is(input, select, button)')]

// A button of the mouse is down. What is drawn anew meanwhile would lose the click that comes of it.
let isPressed = false
let isWaiting = false
addEventListener('pointerdown', () => (isPressed = true), true)
for (const end of ['pointerup', 'pointercancel'] as const) {
  addEventListener(end, () => {
    isPressed = false
    if (isWaiting) update()
    isWaiting = false
  }, true)
}

// For changes that a press elsewhere brings about, as of a field that is left.
export function updateWhenReleased(): void {
  if (isPressed) isWaiting = true
  else update()
}

export function current(): Doc | null {
  return state.documents[state.current] ?? null
}

let pointsOf: Points | null = null

export function points(): Points {
  const text = current()?.text ?? ''
  if (pointsOf?.text !== text) pointsOf = new Points(text)
  return pointsOf
}

const passes = (fact: { score?: number }): boolean => (fact.score ?? 1) >= state.threshold

// The document as it is shown: without what scores too little.
export function visibleDoc(): Doc | null {
  const doc = current()
  return doc && withoutHidden(doc)
}

export function withoutHidden(doc: Doc): Doc {
  return {
    ...doc,
    entities: doc.entities.filter(passes),
    relations: doc.relations.filter(passes),
    events: doc.events.filter(passes).map(
      (event): EventFact => ({ ...event, arguments: event.arguments.filter(passes) }),
    ),
  }
}

// Put another form of the current document in its place; `undo` takes it back.
export function edit(doc: Doc): void {
  const before = current()
  if (!before) return
  const documents = [...state.documents]
  documents[state.current] = doc
  update({ documents, past: [...state.past.slice(-99), before], selection: null })
}

export function undo(): boolean {
  const before = state.past.at(-1)
  if (!before) return false
  const documents = [...state.documents]
  documents[state.current] = before
  update({ documents, past: state.past.slice(0, -1), selection: null })
  return true
}

// A hue for each type, in the order of the schema; types that it does not have come after.
let hues = new Map<string | null, number>()
let huesOf: Schema | null = null

export function hue(type: string | null): number {
  if (huesOf !== state.schema) {
    hues = new Map()
    huesOf = state.schema
  }
  if (!hues.has(type)) hues.set(type, chooseHue(type))
  return hues.get(type)!
}

function chooseHue(type: string | null): number {
  const names = [...state.schema.entities, ...state.schema.events, ...state.schema.relations].map(
    (item) => (typeof item === 'string' ? item : item.name),
  )
  const place = names.indexOf(type ?? '')
  let number = place
  if (place < 0) {
    number = names.length
    for (const character of type ?? '') number = (number * 31 + character.charCodeAt(0)) % 997
  }
  return Math.round((number * 137.508 + 210) % 360)
}
