import type { RunServiceService } from '../../../proto/gen/holdfast/v1/run_service.ts'
import { refuseViolations } from '../domain/error.ts'
import { compileRunFilter } from '../domain/filter/run-filter.ts'
import { encodePageToken } from '../domain/page-token.ts'
import { runNameViolation } from '../domain/resource-name.ts'
import { FinishRun } from '../domain/runs/finish-run.ts'
import { ReportTargets } from '../domain/runs/report-targets.ts'
import { searchTerms } from '../domain/runs/search-terms.ts'
import { StartRun } from '../domain/runs/start-run.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { LogFeed } from '../ledger/log-feed.ts'
import type { LogWriter } from '../ledger/log-writer.ts'
import { listRunTargets } from '../store/list-run-targets.ts'
import { listRuns, RUN_KEY_LENGTH } from '../store/list-runs.ts'
import { readLogHead } from '../store/read-log.ts'
import { readTimeViolations } from '../store/read-point.ts'
import type { Store } from '../store/store.ts'
import type { Handlers } from './handler.ts'
import { namedResource } from './named-resource.ts'
import { fingerprintOf, pageLimit, pageViolations, positionOf, statePage } from './page-request.ts'
import { appendRunLog, logHeadOf, readRunLog } from './run-log.ts'
import { finishViolations, reportViolations, searchViolation, startViolations } from './run-requests.ts'

export interface RunServiceParts {
  store: Store
  ledger: Ledger
  logWriter: LogWriter
  logFeed: LogFeed
}

/** RunService: the state of runs goes through the ledger, their logs beside it. */
export function runService(parts: RunServiceParts): Handlers<typeof RunServiceService> {
  const { store, ledger, logWriter, logFeed } = parts
  return {
    async startRun(request, { principal, signal }) {
      refuseViolations(startViolations(request))
      return await ledger.submit(new StartRun(request, principal), signal)
    },

    async finishRun(request, { principal, signal }) {
      refuseViolations(finishViolations(request))
      const outcome = await ledger.submit(
        new FinishRun(request.name, request, { principal, fencingToken: request.fencingToken }),
        signal,
      )
      logFeed.publish([request.name])
      return outcome
    },

    async reportTarget(request, { principal, signal }) {
      refuseViolations(reportViolations(request))
      return await ledger.submit(
        new ReportTargets(request.name, request.targets, { principal, fencingToken: request.fencingToken }),
        signal,
      )
    },

    appendRunLog: (requests) => appendRunLog(logWriter, requests),

    readRunLog: (request, context) => readRunLog(parts, request, context),

    async getRun(request) {
      refuseViolations([runNameViolation('name', request.name), ...readTimeViolations(request)])
      const { resource: run, at } = await namedResource(store, 'run', request)
      const log = await readLogHead(store, request.name)
      return { run, revision: at.revision, logBytes: log?.size ?? 0n }
    },

    async listRuns(request) {
      refuseViolations([
        ...pageViolations(request),
        ...readTimeViolations(request),
        searchViolation(request.search),
      ])
      const search = searchTerms(request.search, { parts: store.searchesParts })
      const { machine, rest: filter } = compileRunFilter(request.filter)
      const { resources: runs, ...page } = await statePage(store, request, {
        method: 'ListRuns',
        keyLength: RUN_KEY_LENGTH,
        read: (query) => listRuns(store, { filter, machine, search, ...query }),
      })
      return { runs, ...page }
    },

    async listRunTargets(request) {
      refuseViolations([runNameViolation('name', request.name), ...pageViolations(request)])
      const fingerprint = fingerprintOf('ListRunTargets', request)
      const position = positionOf(request, { fingerprint, keyLength: 1 })
      const { runId } = await logHeadOf(store, request.name)
      const { resources: targets, next } = await listRunTargets(store, {
        runId,
        after: position?.key,
        limit: pageLimit(request),
      })
      const nextPageToken =
        next === undefined ? '' : encodePageToken(fingerprint, { revision: 0n, now: true, key: next })
      return { targets, nextPageToken }
    },
  }
}
