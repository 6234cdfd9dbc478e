#include "executors/processes/child_process.h"

#include <linux/sched.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <string_view>

#include "base/check.h"

namespace remuda {
namespace {

constexpr size_t kStackBytes = size_t{64} << 10;

// Everything that the child needs, made before it exists: between clone and
// exec it may not allocate, as it runs in our memory.
struct Launch {
  const char* const* argv;
  const char* const* environment;
  const char* const* programs;  // the places to try, ended by null
  const char* directory;
  const int* descriptors;
  const int* groups;
  size_t group_count;
  pid_t parent;
  SpawnStage stage;
  int error_number;
};

#if defined(__clang__) || defined(__GNUC__)
#define REMUDA_IN_CHILD \
  __attribute__((noinline, no_sanitize("address", "undefined", "thread")))
#endif

// Raw system calls only: a sanitizer's wrapper would write what the child
// does into the books of the parent.
REMUDA_IN_CHILD long Call(long number, long a = 0, long b = 0, long c = 0,
                          long d = 0) {
  return syscall(number, a, b, c, d);
}

REMUDA_IN_CHILD int Fail(Launch* launch, SpawnStage stage) {
  launch->stage = stage;
  launch->error_number = errno;
  Call(SYS_exit, 127);
  return 127;
}

REMUDA_IN_CHILD int TryPrograms(Launch* launch) {
  int error_number = ENOENT;
  for (const char* const* program = launch->programs; *program != nullptr;
       ++program) {
    Call(SYS_execve, reinterpret_cast<long>(*program),
         reinterpret_cast<long>(launch->argv),
         reinterpret_cast<long>(launch->environment));
    if (errno == ENOENT || errno == ENOTDIR) continue;
    error_number = errno;
    if (errno != EACCES) break;
  }
  errno = error_number;
  return Fail(launch, SpawnStage::kProgram);
}

REMUDA_IN_CHILD int ChildMain(void* argument) {
  auto* launch = static_cast<Launch*>(argument);
  static constexpr char kMyself[] = "0";
  for (size_t i = 0; i < launch->group_count; ++i) {
    if (Call(SYS_write, launch->groups[i], reinterpret_cast<long>(kMyself), 1) <
        0) {
      return Fail(launch, SpawnStage::kGroup);
    }
  }
  Call(SYS_setsid);
  int given = static_cast<int>(kChildDescriptors);
  while (given > 3 && launch->descriptors[given - 1] < 0) --given;
  for (int i = 0; i < given; ++i) {
    if (launch->descriptors[i] < 0) {
      if (i >= 3) Call(SYS_close, i);
      continue;
    }
    if (Call(SYS_dup2, launch->descriptors[i], i) < 0) {
      return Fail(launch, SpawnStage::kProcess);
    }
  }
  if (Call(SYS_close_range, given, -1, 0) < 0) {
    return Fail(launch, SpawnStage::kProcess);
  }
  Call(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  // The parent may have ended before the line above took effect.
  if (Call(SYS_getppid) != launch->parent) Call(SYS_exit, 127);
  if (Call(SYS_chdir, reinterpret_cast<long>(launch->directory)) < 0) {
    return Fail(launch, SpawnStage::kDirectory);
  }
  uint64_t no_signals = 0;
  Call(SYS_rt_sigprocmask, SIG_SETMASK, reinterpret_cast<long>(&no_signals), 0,
       sizeof(no_signals));
  return TryPrograms(launch);
}

std::vector<std::string> Programs(const ChildPlan& plan) {
  const std::string& name = plan.argv.front();
  if (name.find('/') != std::string::npos) return {name};
  // An empty name would otherwise run the folders of the path.
  if (name.empty()) return {};
  std::vector<std::string> programs;
  for (const std::string& entry : plan.environment) {
    if (entry.rfind("PATH=", 0) != 0) continue;
    std::string_view path = std::string_view(entry).substr(5);
    while (!path.empty()) {
      const size_t colon = path.find(':');
      const std::string_view folder = path.substr(0, colon);
      if (!folder.empty()) programs.push_back(std::string(folder) + "/" + name);
      if (colon == std::string_view::npos) break;
      path.remove_prefix(colon + 1);
    }
    break;
  }
  return programs;
}

std::vector<const char*> Pointers(const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  pointers.push_back(nullptr);
  return pointers;
}

char* ChildStack() {
  static char* const stack = [] {
    void* memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    CHECK(memory != MAP_FAILED);
    return static_cast<char*>(memory);
  }();
  return stack;
}

}  // namespace

std::variant<pid_t, ChildFailure> StartChild(const ChildPlan& plan) {
  CHECK(!plan.argv.empty());
  const std::vector<std::string> programs = Programs(plan);
  const std::vector<const char*> program_pointers = Pointers(programs);
  const std::vector<const char*> argv = Pointers(plan.argv);
  const std::vector<const char*> environment = Pointers(plan.environment);
  Launch launch{.argv = argv.data(),
                .environment = environment.data(),
                .programs = program_pointers.data(),
                .directory = plan.directory.c_str(),
                .descriptors = plan.descriptors.data(),
                .groups = plan.groups.data(),
                .group_count = plan.groups.size(),
                .parent = getpid(),
                .stage = SpawnStage::kProcess,
                .error_number = 0};
  const pid_t pid = clone(ChildMain, ChildStack() + kStackBytes,
                          CLONE_VM | CLONE_VFORK | SIGCHLD, &launch);
  if (pid < 0) return ChildFailure{SpawnStage::kProcess, errno};
  // The child has left our memory: its program runs or it has failed, in
  // which case it ended and is reaped with the others, unknown to anyone.
  if (launch.error_number != 0) {
    return ChildFailure{launch.stage, launch.error_number};
  }
  return pid;
}

}  // namespace remuda
