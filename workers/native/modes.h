#pragma once

#include "workers/native/native_handlers.h"
#include "workers/native/task_frames.h"
#include "workers/native/worker_pipe.h"
#include "workers/protocol/worker_cell.h"

namespace remuda {

// What a mode of the native worker runs with.
struct ModeSetting {
  WorkerPipe& pipe;
  WorkerCell cell;
  NativeHandlers handlers;
  WelcomeWorker welcome;
};

// One task at a time. The calling thread reads messages, another runs tasks,
// so that a task can be told to stop. Ends the process.
[[noreturn]] void RunProcessMode(ModeSetting setting);

// Up to `slots` tasks at a time, a thread each. Ends the process.
[[noreturn]] void RunThreadMode(ModeSetting setting);

// Up to `slots` coroutines on the calling thread's loop. Ends the process.
[[noreturn]] void RunLoopMode(ModeSetting setting);

}  // namespace remuda
