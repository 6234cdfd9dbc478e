#include "workers/native/worker_main.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

#include "base/environment.h"
#include "base/file_descriptor.h"
#include "workers/native/modes.h"
#include "workers/native/native_handlers.h"
#include "workers/native/worker_pipe.h"
#include "workers/native/zygote_main.h"
#include "workers/protocol/worker_cell.h"
#include "workers/protocol/worker_channel.h"
#include "workers/protocol/zygote_channel.h"

namespace remuda {
namespace {

// A connection each for thousands of tasks needs more descriptors than the
// usual soft limit allows.
void RaiseDescriptorLimit() {
  rlimit files = {};
  if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);  // where it fails, the old limit holds
}

// Says hello and waits for the answer.
WelcomeWorker Greet(WorkerPipe& pipe) {
  pipe.Send(
      "{\"type\":\"hello\",\"protocol\":" + std::to_string(kWorkerProtocol) +
      ",\"language\":\"native\",\"pid\":" + std::to_string(getpid()) +
      ",\"modes\":[\"process\",\"threads\",\"loop\"]}");
  std::optional<WelcomeWorker> welcome;
  while (!welcome.has_value()) {
    pipe.Read([&](PoolMessage message) {
      if (auto* found = std::get_if<WelcomeWorker>(&message)) {
        welcome = std::move(*found);
      } else if (const auto* ping = std::get_if<PingWorker>(&message)) {
        pipe.Send("{\"type\":\"pong\",\"number\":" +
                  std::to_string(ping->number) + "}");
      }
    });
  }
  return *std::move(welcome);
}

}  // namespace

int WorkerMain(int fd, const std::vector<std::string>& plugins) {
  const std::optional<std::string> zygote =
      EnvironmentVariable(kZygoteVariable);
  if (zygote.has_value()) ServeForks(*zygote);
  // The pool's nudge, which here the reading thread makes unnecessary.
  std::signal(SIGTERM, SIG_IGN);
  // A connection that is gone is its task's error. Not ignored, as programs
  // that handlers start would inherit that.
  std::signal(SIGPIPE, [](int) {});
  const std::optional<std::string> cell_fd =
      EnvironmentVariable(kWorkerCellVariable);
  if (!cell_fd.has_value()) {
    std::fprintf(stderr,
                 "remuda worker: the agent starts this, not a person\n");
    return 2;
  }
  absl::StatusOr<WorkerCell> cell =
      WorkerCell::Open(std::atoi(cell_fd->c_str()));
  if (!cell.ok()) {
    std::fprintf(stderr, "remuda worker: %s\n",
                 cell.status().ToString().c_str());
    return 1;
  }
  // Programs that handlers start get neither.
  for (const int own : {fd, std::atoi(cell_fd->c_str())}) {
    if (!SetCloseOnExec(own, true).ok()) return 1;
  }
  RaiseDescriptorLimit();
  WorkerPipe pipe(fd);
  WelcomeWorker welcome = Greet(pipe);
  absl::StatusOr<NativeHandlers> handlers =
      HandlersToHost(plugins, welcome.use);
  if (!handlers.ok()) {
    std::fprintf(stderr, "remuda worker: %s\n",
                 std::string(handlers.status().message()).c_str());
    return 1;
  }
  const WorkerUse use = welcome.use;
  ModeSetting setting{.pipe = pipe,
                      .cell = *std::move(cell),
                      .handlers = *std::move(handlers),
                      .welcome = std::move(welcome)};
  switch (use) {
    case WorkerUse::kProcess:
      RunProcessMode(std::move(setting));
    case WorkerUse::kThreads:
      RunThreadMode(std::move(setting));
    case WorkerUse::kLoop:
      RunLoopMode(std::move(setting));
  }
  return 1;
}

}  // namespace remuda
