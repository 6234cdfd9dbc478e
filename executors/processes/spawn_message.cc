#include "executors/processes/spawn_message.h"

#include <cstring>
#include <type_traits>

namespace remuda {
namespace {

enum class MessageType : uint8_t {
  kSpawn = 1,
  kSignal = 2,
  kFailed = 3,
  kExited = 4,
  kGroups = 5,
};

template <typename T>
void Put(const T& value, std::string* out) {
  static_assert(std::is_trivially_copyable_v<T>);
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void PutText(std::string_view text, std::string* out) {
  Put(static_cast<uint32_t>(text.size()), out);
  out->append(text);
}

void PutTexts(const std::vector<std::string>& texts, std::string* out) {
  Put(static_cast<uint32_t>(texts.size()), out);
  for (const std::string& text : texts) PutText(text, out);
}

// Reads what Put wrote; after the first shortage everything is empty and
// ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  bool at_end() const { return bytes_.empty(); }

  template <typename T>
  T Get() {
    T value{};
    if (bytes_.size() < sizeof(T)) {
      Fail();
      return value;
    }
    std::memcpy(&value, bytes_.data(), sizeof(T));
    bytes_.remove_prefix(sizeof(T));
    return value;
  }

  bool GetFlag() { return Get<uint8_t>() != 0; }

  Duration GetDuration() { return Duration(Get<int64_t>()); }

  std::string GetText() {
    const auto size = Get<uint32_t>();
    if (bytes_.size() < size) {
      Fail();
      return {};
    }
    std::string text(bytes_.substr(0, size));
    bytes_.remove_prefix(size);
    return text;
  }

  std::vector<std::string> GetTexts() {
    const auto count = Get<uint32_t>();
    std::vector<std::string> texts;
    for (uint32_t i = 0; i < count && ok_; ++i) texts.push_back(GetText());
    return texts;
  }

 private:
  void Fail() {
    ok_ = false;
    bytes_ = {};
  }

  std::string_view bytes_;
  bool ok_ = true;
};

SpawnRequest GetSpawn(Reader& in) {
  SpawnRequest request;
  request.id = in.Get<uint64_t>();
  request.argv = in.GetTexts();
  request.environment = in.GetTexts();
  request.directory = in.GetText();
  request.mark = in.GetText();
  request.descriptors = in.Get<uint32_t>();
  request.limits.memory_bytes = in.Get<uint64_t>();
  request.limits.processes = in.Get<uint64_t>();
  request.zygote = in.GetText();
  request.in_line = in.GetFlag();
  request.waits = in.GetFlag();
  request.ends_seen = in.Get<uint64_t>();
  return request;
}

GroupSetup GetGroups(Reader& in) {
  GroupSetup setup;
  setup.places.version = in.Get<int32_t>();
  setup.places.memory = in.GetText();
  setup.places.processes = in.GetText();
  setup.name = in.GetText();
  return setup;
}

SignalRequest GetSignal(Reader& in) {
  SignalRequest request;
  request.id = in.Get<uint64_t>();
  request.signal = in.Get<int32_t>();
  request.target = in.Get<SignalTarget>();
  return request;
}

SpawnFailed GetFailed(Reader& in) {
  SpawnFailed report;
  report.id = in.Get<uint64_t>();
  report.stage = in.Get<SpawnStage>();
  report.error_number = in.Get<int32_t>();
  return report;
}

ProcessExited GetExited(Reader& in) {
  ProcessExited report;
  report.id = in.Get<uint64_t>();
  report.wait_status = in.Get<int32_t>();
  report.signalled = in.GetFlag();
  report.left_survivors = in.GetFlag();
  report.orphans_killed = in.Get<uint32_t>();
  report.limit = in.Get<LimitBroken>();
  report.lease_over = in.GetFlag();
  report.wall = in.GetDuration();
  report.cpu = in.GetDuration();
  const auto memory = in.Get<uint64_t>();
  if (memory != 0) report.memory_max_bytes = memory;
  report.switches_voluntary = in.Get<uint64_t>();
  report.switches_involuntary = in.Get<uint64_t>();
  return report;
}

}  // namespace

void AppendRequest(const SpawnRequest& request, std::string* frame) {
  Put(MessageType::kSpawn, frame);
  Put(request.id, frame);
  PutTexts(request.argv, frame);
  PutTexts(request.environment, frame);
  PutText(request.directory, frame);
  PutText(request.mark, frame);
  Put(request.descriptors, frame);
  Put(request.limits.memory_bytes, frame);
  Put(request.limits.processes, frame);
  PutText(request.zygote, frame);
  Put(static_cast<uint8_t>(request.in_line), frame);
  Put(static_cast<uint8_t>(request.waits), frame);
  Put(request.ends_seen, frame);
}

void AppendRequest(const GroupSetup& request, std::string* frame) {
  Put(MessageType::kGroups, frame);
  Put(static_cast<int32_t>(request.places.version), frame);
  PutText(request.places.memory, frame);
  PutText(request.places.processes, frame);
  PutText(request.name, frame);
}

void AppendRequest(const SignalRequest& request, std::string* frame) {
  Put(MessageType::kSignal, frame);
  Put(request.id, frame);
  Put(request.signal, frame);
  Put(request.target, frame);
}

void AppendReport(const SpawnFailed& report, std::string* frame) {
  Put(MessageType::kFailed, frame);
  Put(report.id, frame);
  Put(report.stage, frame);
  Put(report.error_number, frame);
}

void AppendReport(const ProcessExited& report, std::string* frame) {
  Put(MessageType::kExited, frame);
  Put(report.id, frame);
  Put(report.wait_status, frame);
  Put(static_cast<uint8_t>(report.signalled), frame);
  Put(static_cast<uint8_t>(report.left_survivors), frame);
  Put(report.orphans_killed, frame);
  Put(report.limit, frame);
  Put(static_cast<uint8_t>(report.lease_over), frame);
  Put(static_cast<int64_t>(report.wall.count()), frame);
  Put(static_cast<int64_t>(report.cpu.count()), frame);
  Put(report.memory_max_bytes.value_or(0), frame);
  Put(report.switches_voluntary, frame);
  Put(report.switches_involuntary, frame);
}

std::optional<std::vector<SpawnerRequest>> ParseRequests(
    std::string_view body) {
  std::vector<SpawnerRequest> requests;
  Reader in(body);
  while (!in.at_end()) {
    switch (in.Get<MessageType>()) {
      case MessageType::kSpawn:
        requests.emplace_back(GetSpawn(in));
        break;
      case MessageType::kSignal:
        requests.emplace_back(GetSignal(in));
        break;
      case MessageType::kGroups:
        requests.emplace_back(GetGroups(in));
        break;
      default:
        return std::nullopt;
    }
  }
  if (!in.ok()) return std::nullopt;
  return requests;
}

std::optional<std::vector<SpawnerReport>> ParseReports(std::string_view body) {
  std::vector<SpawnerReport> reports;
  Reader in(body);
  while (!in.at_end()) {
    switch (in.Get<MessageType>()) {
      case MessageType::kFailed:
        reports.emplace_back(GetFailed(in));
        break;
      case MessageType::kExited:
        reports.emplace_back(GetExited(in));
        break;
      default:
        return std::nullopt;
    }
  }
  if (!in.ok()) return std::nullopt;
  return reports;
}

std::optional<std::string_view> FrameCutter::Next() {
  const std::string_view rest = std::string_view(buffer_).substr(taken_);
  uint32_t size = 0;
  const bool has_length = rest.size() >= sizeof(size);
  if (has_length) std::memcpy(&size, rest.data(), sizeof(size));
  if (size > kSpawnFrameBytesMax) broken_ = true;
  if (broken_) return std::nullopt;
  if (!has_length || rest.size() - sizeof(size) < size) {
    buffer_.erase(0, taken_);
    taken_ = 0;
    return std::nullopt;
  }
  taken_ += sizeof(size) + size;
  return rest.substr(sizeof(size), size);
}

std::array<char, 4> FrameLength(size_t body_bytes) {
  const auto size = static_cast<uint32_t>(body_bytes);
  std::array<char, 4> bytes{};
  std::memcpy(bytes.data(), &size, sizeof(size));
  return bytes;
}

}  // namespace remuda
