#include "executors/processes/spawner_setup.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdint>
#include <vector>

namespace remuda {
namespace {

// Below this number every descriptor is taken, so that one which is received
// never lies where a child's own descriptors go.
constexpr int kFirstFreeDescriptor = 10;

}  // namespace

bool SetUpSpawner(std::span<int> kept) {
  // The system call itself, as the library refuses the two signals that it
  // uses, which may have come to us ignored. Zero is the default action.
  const std::array<uint64_t, 4> default_action{};
  for (int number = 1; number <= SIGRTMAX; ++number) {
    syscall(SYS_rt_sigaction, number, default_action.data(), nullptr,
            sizeof(uint64_t));
  }
  setsid();
  umask(077);
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  for (int& fd : kept) {
    if (fd < 0) continue;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, kFirstFreeDescriptor);
    if (fd < 0) return false;
  }
  const int null = open("/dev/null", O_RDWR);
  if (null < 0) return false;
  for (int number = 0; number < kFirstFreeDescriptor; ++number) {
    if (number != null && dup2(null, number) < 0) return false;
  }
  std::vector<int> open(kept.begin(), kept.end());
  std::sort(open.begin(), open.end());
  unsigned first = kFirstFreeDescriptor;
  for (const int fd : open) {
    if (fd < 0) continue;
    const auto number = static_cast<unsigned>(fd);
    if (number > first) close_range(first, number - 1, 0);
    first = number + 1;
  }
  close_range(first, ~0u, 0);
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_PDEATHSIG, SIGUSR1, 0, 0, 0) == 0;
}

}  // namespace remuda
