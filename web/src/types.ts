// The JSON forms of the service: documents and schemas. Offsets are code points, end-exclusive.

export interface Mention {
  text: string
  start: number | null
  end: number | null
  score?: number
  status?: string
  value?: unknown
}

export interface Entity extends Mention {
  type: string | null
}

export interface Argument extends Mention {
  role: string
}

export interface Relation {
  type: string
  subject: Entity
  object: Entity
  qualifiers?: Record<string, Entity>
  score?: number
}

export interface EventFact {
  type: string
  trigger: Mention | null
  arguments: Argument[]
  score?: number
}

export interface Issue {
  kind: string
  detail: string
  where?: string
}

export interface Doc {
  id: string
  text: string
  entities: Entity[]
  relations: Relation[]
  events: EventFact[]
  issues: Issue[]
  meta?: Record<string, unknown>
}

export interface TypeEntry {
  name: string
  description?: string
  [key: string]: unknown
}

export interface RelationEntry extends TypeEntry {
  subject?: string
  object?: string
}

export interface EventEntry extends TypeEntry {
  trigger?: boolean
  roles?: (TypeEntry | string)[]
}

// An entry may stand as its name alone.
export interface Schema {
  name: string
  description?: string
  entities: (TypeEntry | string)[]
  relations: (RelationEntry | string)[]
  events: (EventEntry | string)[]
}

export interface About {
  version: string
  models: string[]
  schema: Schema
  limits: { characters: number; texts: number; body: number }
  issues: { name: string; meaning: string; to_do: string }[]
  project: boolean
  tunes: boolean
}

export interface ProjectInfo {
  folder: string
  documents: { id: string; beginning: string }[]
  schema: Schema | null
  models: string[]
  fewest: number
}

export type Figures = Record<string, { precision: number; recall: number; f1: number; gold: number }>

export interface Tuning {
  state: 'idle' | 'training' | 'comparing' | 'done' | 'failed' | 'stopped'
  lines: string[]
  progress: number | null
  model?: string
  message?: string
  result?: { learnt: number; aside: number; before: Figures; after: Figures }
}

export function entry<T extends TypeEntry>(item: T | string): T {
  return typeof item === 'string' ? ({ name: item } as T) : item
}
