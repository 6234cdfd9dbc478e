#pragma once

namespace remuda {

// The sub-command `remuda spawner SOCKET [WORK_LOCK [LEASE]]`, descriptors by
// their numbers, -1 for none: starts programs for the agent at the other end of
// the socket, reports their ends, and leaves no process of theirs behind. Ends,
// and kills all that it started, when the agent closes the socket or dies;
// until then the lock stays open. Returns the exit code.
//
// When the lease is over (LeasePage) it kills all that runs, whatever the agent
// does, and starts nothing until another one is told.
//
// It adopts what its children leave behind (PR_SET_CHILD_SUBREAPER). A process
// belongs to the child whose session it is in, or whose REMUDA_MARK it was
// started with. One that hides both is killed once every child that was
// running when it started has ended.
//
// Thread: calls it first thing in main(), before any other thread exists.
int SpawnerMain(int argc, char** argv);

}  // namespace remuda
