#include "workers/native/coroutine_runner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <stop_token>
#include <string>
#include <thread>

#include "base/file_descriptor.h"
#include "plugins/handler.h"

namespace remuda {
namespace {

using plugin::Offload;
using plugin::Readable;
using plugin::Sleep;
using plugin::Task;
using plugin::TaskContext;
using std::chrono::hours;
using std::chrono::milliseconds;

// Its tasks do what the test says.
using Body = Task<std::string> (*)(TaskContext& context);

template <Body kBody>
class Handler {
 public:
  Task<std::string> Run(std::string_view, TaskContext& context) {
    return kBody(context);
  }
};

class CoroutineRunnerTest : public testing::Test {
 protected:
  CoroutineRunnerTest() {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    worker_ = UniqueFd(ends[0]);
    pool_ = UniqueFd(ends[1]);
    options_.log_folder = testing::TempDir();
  }

  // Runs it once; what it logged is in log_.
  template <Body kBody>
  HandlerResult Run() {
    PluginJobType job_type;
    job_type.type =
        plugin::JobTypeOf<Handler<kBody>>({"test.body", "Tests.", "io"});
    PluginType type(job_type);
    WorkerPipe pipe(worker_.get());
    TaskVoice voice(7, options_, pipe);
    const HandlerResult result = runner_.Run(type, {JobId{3}, 5, Fence{2}},
                                             "{}", voice, stop_.get_token());
    log_ = voice.TakeLog();
    return result;
  }

  std::string Sent() {
    std::array<char, 4096> bytes;
    const ssize_t count =
        recv(pool_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    return {bytes.data(), count < 0 ? 0 : static_cast<size_t>(count)};
  }

  UniqueFd worker_;
  UniqueFd pool_;
  VoiceOptions options_;
  std::string log_;
  std::stop_source stop_;
  CoroutineRunner runner_;
};

Task<std::string> AtOnce(TaskContext& context) {
  co_return std::to_string(context.Facts().index);
}

Task<int> Twice(int number) {
  co_await Sleep(milliseconds(1));
  co_return 2 * number;
}

Task<std::string> Nested(TaskContext&) {
  int sum = 0;
  for (int i = 0; i < 5; ++i) sum += co_await Twice(i);
  co_return std::to_string(sum);
}

TEST_F(CoroutineRunnerTest, CoroutinesAwaitOneAnother) {
  EXPECT_EQ(Run<AtOnce>().output, "5");
  EXPECT_EQ(Run<Nested>().output, "20");
  EXPECT_EQ(Run<AtOnce>().output, "5");
}

Task<int> One() { co_return 1; }

Task<std::string> ManyAtOnce(TaskContext&) {
  int sum = 0;
  for (int i = 0; i < 300'000; ++i) sum += co_await One();
  co_return std::to_string(sum);
}

TEST_F(CoroutineRunnerTest, WhatIsDoneAtOnceTakesNoStack) {
  EXPECT_EQ(Run<ManyAtOnce>().output, "300000");
}

Task<void> Thrower() {
  co_await Sleep(milliseconds(0));
  throw std::runtime_error("thrown deep down");
}

Task<std::string> Throws(TaskContext&) {
  co_await Thrower();
  co_return "1";
}

Task<std::string> CatchesAndThrows(TaskContext&) {
  std::string caught;
  try {
    co_await Thrower();
  } catch (const std::exception& thrown) {
    caught = thrown.what();
  }
  co_await Sleep(milliseconds(1));
  throw std::runtime_error("caught: " + caught);
  co_return "";
}

Task<std::string> NoJson(TaskContext&) { co_return "{"; }

TEST_F(CoroutineRunnerTest, WhatIsThrownIsTheTasksError) {
  EXPECT_EQ(Run<Throws>().error, "thrown deep down");
  EXPECT_EQ(Run<CatchesAndThrows>().error, "caught: thrown deep down");
  EXPECT_EQ(Run<NoJson>().error, "the plugin's result is no JSON");
}

Task<std::string> Offloads(TaskContext& context) {
  const auto here = std::this_thread::get_id();
  const std::string text = co_await Offload([&] {
    context.Log(plugin::Level::kWarning, "from another thread");
    return here == std::this_thread::get_id() ? std::string("here")
                                              : std::string("elsewhere");
  });
  int calls = 0;
  co_await Offload([&] { ++calls; });
  try {
    co_await Offload([] { throw std::runtime_error("in the pool"); });
  } catch (const std::runtime_error&) {
    ++calls;
  }
  const bool is_back = here == std::this_thread::get_id();
  co_return "[\"" + text + "\"," + std::to_string(calls) + "," +
      (is_back ? "true]" : "false]");
}

TEST_F(CoroutineRunnerTest, OffloadRunsElsewhereAndComesBack) {
  EXPECT_EQ(Run<Offloads>().output, "[\"elsewhere\",2,true]");
  EXPECT_NE(log_.find("warning: from another thread"), std::string::npos)
      << log_;
}

Task<std::string> WaitsForFds(TaskContext&) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) co_return "0";
  const UniqueFd reads(ends[0]);
  UniqueFd writes(ends[1]);
  const bool is_early = co_await Readable(reads.get(), milliseconds(5));
  const bool can_write = co_await plugin::Writable(writes.get());
  std::string text;
  for (int i = 0; i < 3; ++i) {
    co_await Offload([&] {
      if (write(writes.get(), "x", 1) != 1) std::abort();
    });
    const bool is_there = co_await Readable(reads.get(), hours(1));
    char byte = 0;
    if (is_there && read(reads.get(), &byte, 1) == 1) text += byte;
  }
  writes = UniqueFd();
  const bool is_broken = co_await Readable(reads.get());
  co_return std::string("[\"") + text + "\"," + (is_early ? "1," : "0,") +
      (can_write ? "1," : "0,") + (is_broken ? "1]" : "0]");
}

TEST_F(CoroutineRunnerTest, DescriptorsAreWaitedFor) {
  EXPECT_EQ(Run<WaitsForFds>().output, "[\"xxx\",0,1,1]");
  EXPECT_EQ(Run<WaitsForFds>().output, "[\"xxx\",0,1,1]");
}

Task<std::string> WaitsForBadFds(TaskContext&) {
  const UniqueFd file(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  int refused = 0;
  for (const int fd : {-1, 1'000'000, 4711, file.get()}) {
    try {
      co_await Readable(fd, milliseconds(5));
    } catch (const std::invalid_argument&) {
      ++refused;
    }
  }
  co_return std::to_string(refused);
}

TEST_F(CoroutineRunnerTest, WhatCannotBeWaitedForIsRefused) {
  EXPECT_EQ(Run<WaitsForBadFds>().output, "4");
}

// Tells on the way out, to be seen in the log.
struct Farewell {
  TaskContext& context;
  ~Farewell() { context.Log(plugin::Level::kInfo, "farewell"); }
};

Task<std::string> SleepsLong(TaskContext& context) {
  const Farewell farewell{context};
  co_await Sleep(hours(24));
  co_return "1";
}

Task<std::string> WaitsLong(TaskContext& context) {
  const Farewell farewell{context};
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) co_return "0";
  const UniqueFd reads(ends[0]);
  const UniqueFd writes(ends[1]);
  co_await Readable(reads.get());
  co_return "1";
}

Task<std::string> WorksLong(TaskContext& context) {
  const Farewell farewell{context};
  co_await Offload([&] {
    while (!context.StopRequested()) std::this_thread::yield();
  });
  co_return "1";
}

Task<std::string> CatchesTheStop(TaskContext& context) {
  int waits = 0;
  for (int i = 0; i < 3; ++i) {
    try {
      co_await Sleep(hours(24));
    } catch (const plugin::TaskStopped&) {
      ++waits;  // each later wait says so at once
    }
  }
  context.Log(plugin::Level::kInfo, "farewell " + std::to_string(waits));
  co_return "1";
}

TEST_F(CoroutineRunnerTest, AStopEndsEveryWait) {
  const auto stopped = [&](const std::function<HandlerResult()>& run) {
    stop_ = std::stop_source();
    std::thread stopper([stop = stop_]() mutable { stop.request_stop(); });
    const HandlerResult result = run();
    stopper.join();
    return result.ending == Ending::kCancelled &&
           log_.find("farewell") != std::string::npos;
  };
  EXPECT_TRUE(stopped([&] { return Run<SleepsLong>(); }));
  EXPECT_TRUE(stopped([&] { return Run<WaitsLong>(); }));
  EXPECT_TRUE(stopped([&] { return Run<WorksLong>(); }));
  EXPECT_TRUE(stopped([&] { return Run<CatchesTheStop>(); }));
  EXPECT_NE(log_.find("farewell 3"), std::string::npos) << log_;
  stop_ = std::stop_source();
  EXPECT_EQ(Run<Nested>().output, "20");
}

Task<std::string> HearsTheStop(TaskContext& context) {
  const plugin::StopCallback on_stop(
      context, [&] { context.Log(plugin::Level::kError, "called back"); });
  co_await Sleep(hours(24));
  co_return "1";
}

TEST_F(CoroutineRunnerTest, AStopCallsBack) {
  std::thread stopper([stop = stop_]() mutable { stop.request_stop(); });
  EXPECT_EQ(Run<HearsTheStop>().ending, Ending::kCancelled);
  stopper.join();
  EXPECT_NE(log_.find("error: called back"), std::string::npos) << log_;
}

// In C: ends its tasks while they wait, as it should not.
void EndsEarly(const remuda_host* host, remuda_task* task, void* /*state*/,
               const char* parameters, size_t /*length*/) {
  static std::atomic<int> outcome_seen = 0;
  const auto wake = [](void*, int outcome) { outcome_seen = outcome; };
  switch (parameters[1]) {
    case '1':
      host->wait_for_time(task, 3'600'000'000'000, wake, nullptr);
      break;
    default:
      host->wait_for_work(
          task, [](void*) { std::this_thread::yield(); }, wake, nullptr);
  }
  // It waits for one thing already.
  if (host->wait_for_time(task, 0, wake, nullptr) == REMUDA_REFUSED &&
      outcome_seen == 0) {
    host->succeed(task, "1", 1);
  }
  host->end(task);
}

TEST_F(CoroutineRunnerTest, AnEndWhileItWaitsIsTheEnd) {
  PluginJobType job_type;
  job_type.type.name = "test.early";
  job_type.type.form = REMUDA_COROUTINE;
  job_type.type.start = EndsEarly;
  PluginType type(job_type);
  WorkerPipe pipe(worker_.get());
  for (const char* parameters : {"[1]", "[3]", "[3]", "[1]"}) {
    TaskVoice voice(7, options_, pipe);
    const HandlerResult result = runner_.Run(
        type, {JobId{3}, 5, Fence{2}}, parameters, voice, stop_.get_token());
    EXPECT_EQ(result.output, "1") << parameters << result.error;
  }
}

Task<std::string> TellsProgress(TaskContext& context) {
  context.Progress(0.25, "a \"quarter\" \xff");
  context.Progress(0.26);  // too soon after the last
  co_return "1";
}

TEST_F(CoroutineRunnerTest, ProgressIsSent) {
  EXPECT_EQ(Run<TellsProgress>().output, "1");
  const std::string sent = Sent();
  EXPECT_NE(sent.find("\"fraction\":0.25"), std::string::npos) << sent;
  EXPECT_NE(sent.find(R"("id":"7")"), std::string::npos) << sent;
  EXPECT_NE(sent.find(R"(a \"quarter\")"), std::string::npos) << sent;
  EXPECT_EQ(sent.find("0.26"), std::string::npos) << sent;
}

TEST_F(CoroutineRunnerTest, ManyTasksTellNoMoreThanTheWorkerMay) {
  WorkerPipe pipe(worker_.get());
  const MonotonicTime now = SystemClock().Now();
  int admitted = 0;
  for (int i = 0; i < 1000; ++i) admitted += pipe.AdmitProgress(now) ? 1 : 0;
  EXPECT_EQ(admitted, WorkerPipe::kProgressPerSecond);
  EXPECT_TRUE(pipe.AdmitProgress(now + std::chrono::seconds(1)));
}

Task<std::string> LogsMuch(TaskContext& context) {
  const std::string line(1000, 'x');
  for (int i = 0; i < 17'000; ++i) {
    context.Log(plugin::Level::kInfo, line);
  }
  co_return "1";
}

TEST_F(CoroutineRunnerTest, MuchLogGoesIntoAFileWithALimit) {
  EXPECT_EQ(Run<LogsMuch>().output, "1");
  const size_t at = log_.find("\"file\":\"");
  ASSERT_NE(at, std::string::npos) << log_.substr(0, 200);
  const std::string name = log_.substr(at + 8, log_.find('"', at + 8) - at - 8);
  const std::string path = options_.log_folder + "/" + name;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file.valid()) << path;
  EXPECT_EQ(lseek(file.get(), 0, SEEK_END),
            static_cast<off_t>(TaskVoice::kLogBytesMax));
  unlink(path.c_str());
}

}  // namespace
}  // namespace remuda
