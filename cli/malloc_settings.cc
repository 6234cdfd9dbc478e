#include "cli/malloc_settings.h"

#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>
#include <vector>

#include "base/environment.h"

namespace remuda {
namespace {

constexpr char kTunables[] = "GLIBC_TUNABLES";
// Blocks of each size, where glibc has seven: as many as jobs that a client
// has on its way (docs/decisions/0071-larger-caches-of-malloc.md).
constexpr char kLargeCaches[] = "glibc.malloc.tcache_count=500";
// Says that it was set by us, and keeps a program whose environment is cut, as
// that of one with more rights is, from starting itself forever.
constexpr char kStartedAnew[] = "REMUDA_STARTED_ANEW";

std::vector<std::string> OwnArguments() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> arguments;
  for (size_t at = 0; at < text.size();) {
    arguments.emplace_back(text.c_str() + at);
    at += arguments.back().size() + 1;
  }
  return arguments;
}

}  // namespace

// glibc, left alone, asks the kernel for each large batch anew, and gives back
// and takes again the end of its heaps with every burst of small ones; those
// pages then cost more than what is done in them. With these it keeps 4 MiB a
// heap that is in use. What is free beyond goes back at once, so that memory
// does not grow with the largest batch that there ever was
// (docs/decisions/0059-malloc-keeps-some-memory.md).
void KeepHeaps() {
  mallopt(M_MMAP_THRESHOLD, 8 << 20);
  mallopt(M_TOP_PAD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 128 << 10);
}

void EnlargeThreadCaches() {
  if (EnvironmentVariable(kStartedAnew).has_value()) {
    unsetenv(kStartedAnew);
    unsetenv(kTunables);
    return;
  }
  if (EnvironmentVariable(kTunables).has_value()) return;
  // Not /proc/self/exe itself, after which the process would be called "exe".
  std::error_code error;
  const std::string program =
      std::filesystem::read_symlink("/proc/self/exe", error).string();
  std::vector<std::string> arguments = OwnArguments();
  if (error || arguments.empty()) return;
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  setenv(kTunables, kLargeCaches, 1);
  setenv(kStartedAnew, "1", 1);
  execv(program.c_str(), argv.data());
  unsetenv(kTunables);
  unsetenv(kStartedAnew);
}

}  // namespace remuda
