// The service, over fetch. Errors carry what the service says of them.

import type { About, Doc, ProjectInfo, Schema, Tuning } from './types'

export class ServiceError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message)
  }
}

export interface Ask {
  schema: Schema
  tasks: string[]
  model: string
}

const TOKEN = 'chinchilla-token'
let askToken: () => Promise<string | null> = async () => null

export function onToken(ask: () => Promise<string | null>): void {
  askToken = ask
}

async function call(path: string, init: RequestInit = {}, again = true): Promise<Response> {
  const headers = new Headers(init.headers)
  const token = sessionStorage.getItem(TOKEN)
  if (token) headers.set('Authorization', `Bearer ${token}`)
  let response: Response
  try {
    response = await fetch(path, { ...init, headers })
  } catch (error) {
    if (init.signal?.aborted) throw error
    throw new ServiceError(0, 'unreachable', '')
  }
  if (response.status === 401 && again) {
    const given = await askToken()
    if (given) {
      sessionStorage.setItem(TOKEN, given)
      return call(path, init, again)
    }
  }
  if (!response.ok) throw await problem(response)
  return response
}

async function problem(response: Response): Promise<ServiceError> {
  try {
    const { error } = await response.json()
    return new ServiceError(response.status, error.code, error.message)
  } catch {
    return new ServiceError(response.status, 'http', response.statusText)
  }
}

function json(method: string, value?: unknown): RequestInit {
  return {
    method,
    headers: { 'Content-Type': 'application/json' },
    body: value === undefined ? undefined : JSON.stringify(value),
  }
}

export const about = async (): Promise<About> => (await call('about')).json()
export const schemas = async (): Promise<{ name: string; description: string }[]> =>
  (await call('schemas')).json()
export const schema = async (name: string): Promise<Schema> =>
  (await call(`schemas/${encodeURIComponent(name)}`)).json()

export async function extract(
  text: { id: string; text: string },
  ask: Ask,
  signal: AbortSignal,
): Promise<{ document: Doc; untrained: Record<string, string[]> }> {
  const body = { texts: [text], ...ask, scores: true }
  const answer = await (await call('extract', { ...json('POST', body), signal })).json()
  return { document: answer.documents[0], untrained: answer.untrained ?? {} }
}

// Yield documents as the service reads them.
export async function* extractMany(
  texts: { id: string; text: string }[],
  ask: Ask,
  signal: AbortSignal,
): AsyncGenerator<Doc> {
  const body = { texts, ...ask, scores: true, stream: true }
  const response = await call('extract', { ...json('POST', body), signal })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let left = ''
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    const lines = (left + value).split('\n')
    left = lines.pop()!
    for (const line of lines) {
      if (!line) continue
      const found = JSON.parse(line)
      if (found.error) throw new ServiceError(500, found.error.code, found.error.message)
      yield found as Doc
    }
  }
}

export async function readFile(file: File): Promise<{ documents: Doc[]; notes: string[] }> {
  const path = `texts?name=${encodeURIComponent(file.name.slice(-200))}`
  return (await call(path, { method: 'POST', body: file })).json()
}

export async function exported(form: string, documents: Doc[]): Promise<Blob> {
  return (await call('export', json('POST', { form, documents }))).blob()
}

export const project = async (): Promise<ProjectInfo> => (await call('project')).json()
export const saved = async (id: string): Promise<Doc> =>
  (await call(`project/document?id=${encodeURIComponent(id)}`)).json()
export const remove = async (id: string): Promise<Response> =>
  call(`project/document?id=${encodeURIComponent(id)}`, { method: 'DELETE' })
export const save = async (document: Doc, schema: Schema): Promise<{ documents: number }> =>
  (await call('project/documents', json('PUT', { document, schema }))).json()
export const tuning = async (): Promise<Tuning> => (await call('project/tune')).json()
export const tune = async (): Promise<Tuning> => (await call('project/tune', json('POST'))).json()
export const stopTuning = async (): Promise<Tuning> =>
  (await call('project/tune', { method: 'DELETE' })).json()
