#include "cli/settings.h"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "jobs/duration_text.h"

namespace remuda {
namespace {

constexpr uint64_t kSlotsMax = 100'000;

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const size_t comma = text.find(',');
    parts.push_back(text.substr(0, comma));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return parts;
}

std::optional<uint64_t> Number(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

bool IsLabelText(std::string_view text) {
  if (text.empty() || text.size() > 63) return false;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9');
    if (!is_plain && c != '.' && c != '_' && c != '-' && c != '/') return false;
  }
  return true;
}

absl::Status Wrong(const std::string& option, std::string_view given,
                   const std::string& wanted) {
  return absl::InvalidArgumentError(option + ": '" + std::string(given) +
                                    "' will not do; " + wanted);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> ParseLabels(
    const std::string& text) {
  std::map<std::string, std::string> labels;
  for (const std::string_view part : Split(text)) {
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos ||
        !IsLabelText(part.substr(0, equals)) ||
        !IsLabelText(part.substr(equals + 1))) {
      return Wrong("--labels", part, "write key=value, as in zone=a,disk=ssd");
    }
    const bool is_new =
        labels.emplace(part.substr(0, equals), part.substr(equals + 1)).second;
    if (!is_new) return Wrong("--labels", part, "name each key once");
  }
  return labels;
}

absl::StatusOr<std::map<ExecutorKind, uint64_t>> ParseSlots(
    const std::string& text, uint64_t cores) {
  std::map<ExecutorKind, uint64_t> slots = {
      {ExecutorKind::kAsync, 10'000},
      {ExecutorKind::kThreadPool, 64},
      {ExecutorKind::kProcessPool, cores}};
  for (const std::string_view part : Split(text)) {
    const size_t equals = part.find('=');
    const std::optional<ExecutorKind> kind =
        ExecutorKindFromName(part.substr(0, equals));
    const std::optional<uint64_t> count = equals == std::string_view::npos
                                              ? std::nullopt
                                              : Number(part.substr(equals + 1));
    if (!kind || !count || *count > kSlotsMax) {
      return Wrong("--slots", part,
                   "write executor=number with async, thread-pool or "
                   "process-pool and at most " +
                       std::to_string(kSlotsMax));
    }
    slots[*kind] = *count;
  }
  return slots;
}

absl::StatusOr<Duration> ParseSetting(const std::string& option,
                                      const std::string& text) {
  const std::optional<Duration> duration = ParseDuration(text);
  if (duration && *duration > Duration::zero()) return *duration;
  return Wrong(option, text, "write a time as in 500ms, 30s, 10m or 2h");
}

absl::StatusOr<std::optional<PeerKey>> ReadKey(const std::string& file) {
  if (file.empty()) return std::optional<PeerKey>();
  absl::StatusOr<PeerKey> key = LoadPeerKey(file);
  if (!key.ok()) return key.status();
  return std::optional<PeerKey>(*std::move(key));
}

}  // namespace remuda
