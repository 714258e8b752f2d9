import { observeMachine, observeProcesses } from '@holdfast/agent'

// Run by tests in a process of its own, as another user or without tools.
const what = process.argv[2] === 'processes' ? await observeProcesses() : await observeMachine()
console.log(JSON.stringify(what))
process.exit(0)
