#pragma once

namespace remuda {

// A zygote is a worker's program, started once with its own modules loaded,
// that forks workers when it is asked to (docs/WORKER_PROTOCOL.md, "Zygotes").
// Both ends use this.

// "process PID": what its workers are for, and who may ask. Last in the
// environment, right behind REMUDA_MARK, as forked workers blank it.
inline constexpr char kZygoteVariable[] = "REMUDA_ZYGOTE";

// Its end of a socket pair of whole messages.
inline constexpr int kZygoteFd = 3;

// The descriptors of a request, in order: standard output and error, the
// channel, the cell, and a pipe that says when the worker may begin.
inline constexpr int kZygoteDescriptors = 5;

// What a zygote says: that it may be asked; that the process between it and a
// worker has ended, so that the worker has its final parent.
inline constexpr char kZygoteReady = 'r';
inline constexpr char kZygoteForked = 'f';

// What a worker says before it waits for its beginning, followed by its pid.
inline constexpr char kZygoteWorker = 'w';

// What the pipe says; its end without it ends the worker.
inline constexpr char kZygoteBegin = 'b';

}  // namespace remuda
