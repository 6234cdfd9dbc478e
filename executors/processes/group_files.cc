#include "executors/processes/group_files.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <utility>

#include "base/file_descriptor.h"

namespace remuda {
namespace {

constexpr size_t kFileBytesMax = size_t{1} << 20;

template <typename Each>
void ForLines(std::string_view text, const Each& each) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    each(line);
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
}

uint64_t ToNumber(std::string_view text) {
  uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace

std::string ReadGroupFile(const std::string& path) {
  const UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  if (!fd.valid()) return content;
  std::array<char, 4096> piece;
  while (content.size() < kFileBytesMax) {
    const ssize_t count = read(fd.get(), piece.data(), piece.size());
    if (count <= 0) break;
    content.append(piece.data(), static_cast<size_t>(count));
  }
  return content;
}

bool WriteGroupFile(const std::string& path, const std::string& text) {
  const UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return fd.valid() && write(fd.get(), text.data(), text.size()) ==
                           static_cast<ssize_t>(text.size());
}

uint64_t NumberIn(std::string_view text, std::string_view name) {
  uint64_t number = 0;
  ForLines(text, [&](std::string_view line) {
    if (line.size() > name.size() + 1 && line.substr(0, name.size()) == name &&
        line[name.size()] == ' ') {
      number = ToNumber(line.substr(name.size() + 1));
    }
  });
  return number;
}

std::vector<pid_t> ReadGroupMembers(const std::string& folder) {
  std::vector<pid_t> members;
  ForLines(ReadGroupFile(folder + "/cgroup.procs"), [&](std::string_view line) {
    const auto pid = static_cast<pid_t>(ToNumber(line));
    if (pid > 0) members.push_back(pid);
  });
  std::sort(members.begin(), members.end());
  return members;
}

bool KillGroupMembers(const std::string& folder) {
  const std::vector<pid_t> members = ReadGroupMembers(folder);
  if (members.empty()) return false;
  if (WriteGroupFile(folder + "/cgroup.kill", "1")) return true;
  // A descriptor holds one process for ever; only if its number is still of
  // this group after it was opened is it one of the group.
  constexpr size_t kAtOnce = 256;
  for (size_t first = 0; first < members.size(); first += kAtOnce) {
    std::vector<std::pair<pid_t, UniqueFd>> opened;
    const size_t end = std::min(members.size(), first + kAtOnce);
    for (size_t i = first; i < end; ++i) {
      opened.emplace_back(
          members[i],
          UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, members[i], 0))));
    }
    const std::vector<pid_t> still = ReadGroupMembers(folder);
    for (const auto& [pid, fd] : opened) {
      if (!fd.valid() || !std::binary_search(still.begin(), still.end(), pid)) {
        continue;
      }
      syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
    }
  }
  return true;
}

}  // namespace remuda
