// Corrections of a document, each a new document; nothing is changed in place.

import type { Argument, Doc, Entity, EventFact, Mention, Relation } from './types'

const same = (a: Mention, b: Mention): boolean => a.start === b.start && a.end === b.end
const sameEntity = (a: Entity, b: Entity): boolean =>
  a.type === b.type && same(a, b) && a.text === b.text

function without<T>(list: T[], index: number): T[] {
  return list.filter((_, i) => i !== index)
}

function withOne<T>(list: T[], index: number, item: T): T[] {
  return list.map((old, i) => (i === index ? item : old))
}

export function addEntity(doc: Doc, entity: Entity): Doc {
  if (doc.entities.some((one) => sameEntity(one, entity))) return doc
  const entities = [...doc.entities, entity]
  entities.sort((a, b) => (a.start ?? 1e9) - (b.start ?? 1e9) || (b.end ?? 0) - (a.end ?? 0))
  return { ...doc, entities }
}

// Relations that end in the entity follow its type.
export function retypeEntity(doc: Doc, index: number, type: string): Doc {
  const old = doc.entities[index]
  const follow = (end: Entity): Entity =>
    sameEntity(end, old) ? { ...end, type } : end
  const relations = doc.relations.map((relation) => ({
    ...relation,
    subject: follow(relation.subject),
    object: follow(relation.object),
  }))
  const { score: _, ...kept } = old
  return { ...doc, entities: withOne(doc.entities, index, { ...kept, type }), relations }
}

// Relations that end in the entity go with it, unless another entity stands there.
export function deleteEntity(doc: Doc, index: number): Doc {
  const old = doc.entities[index]
  const entities = without(doc.entities, index)
  if (old.start === null || entities.some((one) => same(one, old))) return { ...doc, entities }
  const relations = doc.relations.filter(
    ({ subject, object }) => !same(subject, old) && !same(object, old),
  )
  return { ...doc, entities, relations }
}

export function addRelation(doc: Doc, relation: Relation): Doc {
  return { ...doc, relations: [...doc.relations, relation] }
}

export function retypeRelation(doc: Doc, index: number, type: string): Doc {
  const { score: _, ...kept } = doc.relations[index]
  return { ...doc, relations: withOne(doc.relations, index, { ...kept, type }) }
}

export function deleteRelation(doc: Doc, index: number): Doc {
  return { ...doc, relations: without(doc.relations, index) }
}

export function addEvent(doc: Doc, type: string, trigger: Mention | null): Doc {
  return { ...doc, events: [...doc.events, { type, trigger, arguments: [] }] }
}

function changeEvent(doc: Doc, index: number, change: Partial<EventFact>): Doc {
  const { score: _, ...kept } = doc.events[index]
  return { ...doc, events: withOne(doc.events, index, { ...kept, ...change }) }
}

export function retypeEvent(doc: Doc, index: number, type: string, roles: string[]): Doc {
  const kept = doc.events[index].arguments.filter(({ role }) => roles.includes(role))
  return changeEvent(doc, index, { type, arguments: kept })
}

export function deleteEvent(doc: Doc, index: number): Doc {
  return { ...doc, events: without(doc.events, index) }
}

export function addArgument(doc: Doc, index: number, argument: Argument): Doc {
  return changeEvent(doc, index, { arguments: [...doc.events[index].arguments, argument] })
}

export function changeRole(doc: Doc, index: number, at: number, role: string): Doc {
  const old = doc.events[index].arguments
  const { score: _, ...kept } = old[at]
  return changeEvent(doc, index, { arguments: withOne(old, at, { ...kept, role }) })
}

export function deleteArgument(doc: Doc, index: number, at: number): Doc {
  return changeEvent(doc, index, { arguments: without(doc.events[index].arguments, at) })
}
