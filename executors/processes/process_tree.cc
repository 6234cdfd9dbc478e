#include "executors/processes/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <map>
#include <memory>
#include <string_view>

namespace remuda {
namespace {

// Nobody's environment can be larger: the kernel's limit for argv and
// environment together is a quarter of the stack limit, at most 6 MiB.
constexpr size_t kFileBytesMax = size_t{6} << 20;

// Files of /proc have no size: read until the end.
std::string ReadFile(const std::string& path) {
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

std::string ProcPath(pid_t pid, const char* file) {
  return "/proc/" + std::to_string(pid) + "/" + file;
}

// Takes the next word that spaces surround.
std::string_view NextWord(std::string_view& text) {
  const size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  text.remove_prefix(first);
  const std::string_view word = text.substr(0, text.find_first_of(" \n"));
  text.remove_prefix(word.size());
  return word;
}

template <typename Number>
Number ToNumber(std::string_view word) {
  Number number{};
  std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

}  // namespace

std::optional<ProcessFacts> ReadProcess(pid_t pid) {
  const std::string stat = ReadFile(ProcPath(pid, "stat"));
  // The name is in brackets and may hold anything, brackets included.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::string_view rest = std::string_view(stat).substr(name_end + 1);
  ProcessFacts facts;
  facts.pid = pid;
  const std::string_view state = NextWord(rest);
  if (!state.empty()) facts.state = state.front();
  facts.parent = ToNumber<pid_t>(NextWord(rest));
  NextWord(rest);  // process group
  facts.session = ToNumber<pid_t>(NextWord(rest));
  // proc(5): field 6 was the last one read; threads are field 20, the start
  // time is 22, and the resident pages are 24.
  for (int field = 7; field < 20; ++field) NextWord(rest);
  facts.threads = ToNumber<uint64_t>(NextWord(rest));
  NextWord(rest);
  facts.start_time = ToNumber<uint64_t>(NextWord(rest));
  NextWord(rest);
  static const auto page_bytes = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  facts.memory_bytes = ToNumber<uint64_t>(NextWord(rest)) * page_bytes;
  return facts;
}

std::vector<ProcessFacts> ReadProcesses() {
  std::vector<ProcessFacts> table;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc"), closedir);
  if (folder == nullptr) return table;
  while (const dirent* entry = readdir(folder.get())) {
    const std::string_view name = entry->d_name;
    if (name.find_first_not_of("0123456789") != std::string_view::npos) {
      continue;
    }
    const std::optional<ProcessFacts> facts =
        ReadProcess(ToNumber<pid_t>(name));
    if (facts.has_value()) table.push_back(*facts);
  }
  return table;
}

OwnChildren::OwnChildren()
    : file_(open(
          ("/proc/self/task/" + std::to_string(gettid()) + "/children").c_str(),
          O_RDONLY | O_CLOEXEC)) {}

std::vector<pid_t> OwnChildren::Read() {
  std::vector<pid_t> children;
  if (!file_.valid()) {
    // A kernel without that file: the whole table says the same, slowly.
    for (const ProcessFacts& process : ReadProcesses()) {
      if (process.parent == getpid()) children.push_back(process.pid);
    }
    return children;
  }
  std::string content;
  std::array<char, 4096> piece;
  for (ssize_t count = 0;;) {
    count = pread(file_.get(), piece.data(), piece.size(),
                  static_cast<off_t>(content.size()));
    if (count <= 0) break;
    content.append(piece.data(), static_cast<size_t>(count));
    // Only what does not fit into the piece is left for the next.
    if (static_cast<size_t>(count) < piece.size() / 2) break;
  }
  std::string_view rest = content;
  for (std::string_view word = NextWord(rest); !word.empty();
       word = NextWord(rest)) {
    children.push_back(ToNumber<pid_t>(word));
  }
  return children;
}

std::string ReadMark(pid_t pid) {
  const std::string searched =
      std::string(1, '\0') + ReadFile(ProcPath(pid, "environ"));
  constexpr std::string_view kName("\0REMUDA_MARK=", 13);
  const size_t found = searched.find(kName);
  if (found == std::string::npos) return {};
  const size_t first = found + kName.size();
  return searched.substr(first, searched.find('\0', first) - first);
}

void KillProcess(const ProcessFacts& process) {
  const UniqueFd pidfd(
      static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0)));
  if (!pidfd.valid()) return;
  // The descriptor holds one process; only now can its identity be compared.
  const std::optional<ProcessFacts> now = ReadProcess(process.pid);
  if (!now.has_value() || now->start_time != process.start_time) return;
  syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
}

TreeUse UseOfTree(pid_t root, const std::vector<ProcessFacts>& table) {
  std::multimap<pid_t, const ProcessFacts*> by_parent;
  std::map<pid_t, const ProcessFacts*> left;
  std::vector<pid_t> waiting;
  for (const ProcessFacts& process : table) {
    by_parent.emplace(process.parent, &process);
    left.emplace(process.pid, &process);
    if (process.pid == root || process.session == root) {
      waiting.push_back(process.pid);
    }
  }
  TreeUse use;
  while (!waiting.empty()) {
    const auto found = left.find(waiting.back());
    waiting.pop_back();
    if (found == left.end()) continue;
    const pid_t pid = found->first;
    use.memory_bytes += found->second->memory_bytes;
    use.threads += found->second->threads;
    left.erase(found);
    const auto [first, last] = by_parent.equal_range(pid);
    for (auto child = first; child != last; ++child) {
      waiting.push_back(child->second->pid);
    }
  }
  return use;
}

uint64_t CountAllThreads() {
  // "0.20 0.18 0.12 1/80 11206": the number behind the slash.
  const std::string text = ReadFile("/proc/loadavg");
  const size_t slash = text.find('/');
  if (slash == std::string::npos) return 0;
  std::string_view rest = std::string_view(text).substr(slash + 1);
  return ToNumber<uint64_t>(NextWord(rest));
}

uint64_t KillMarked(const std::string& mark) {
  uint64_t killed = 0;
  for (const ProcessFacts& process : ReadProcesses()) {
    if (ReadMark(process.pid).rfind(mark, 0) != 0) continue;
    KillProcess(process);
    ++killed;
  }
  return killed;
}

void KillTrees(const std::vector<pid_t>& roots,
               const std::vector<ProcessFacts>& table) {
  std::multimap<pid_t, const ProcessFacts*> by_parent;
  std::map<pid_t, const ProcessFacts*> by_pid;
  for (const ProcessFacts& process : table) {
    by_parent.emplace(process.parent, &process);
    by_pid.emplace(process.pid, &process);
  }
  std::vector<pid_t> waiting = roots;
  while (!waiting.empty()) {
    const pid_t pid = waiting.back();
    waiting.pop_back();
    const auto found = by_pid.find(pid);
    if (found == by_pid.end()) continue;
    KillProcess(*found->second);
    by_pid.erase(found);  // each once, whatever a changing table claims
    const auto [first, last] = by_parent.equal_range(pid);
    for (auto child = first; child != last; ++child) {
      waiting.push_back(child->second->pid);
    }
  }
}

}  // namespace remuda
