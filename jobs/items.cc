#include "jobs/items.h"

#include <algorithm>

#include "base/check.h"
#include "jobs/json_text.h"

namespace remuda {
namespace {

std::string MatrixItem(const TaskSource& source, TaskIndex index) {
  // The last axis turns fastest, so positions are found from the back.
  std::vector<size_t> positions(source.axes.size());
  for (size_t axis = source.axes.size(); axis-- > 0;) {
    const size_t size = source.axes[axis].second.size();
    positions[axis] = static_cast<size_t>(index % size);
    index /= size;
  }
  std::string item = "{";
  for (size_t axis = 0; axis < source.axes.size(); ++axis) {
    const auto& [name, values] = source.axes[axis];
    if (axis > 0) item += ',';
    item += JsonString(name);
    item += ':';
    item += values[positions[axis]];
  }
  item += '}';
  return item;
}

}  // namespace

std::string ComputedItem(const TaskSource& source, TaskIndex index) {
  CHECK(IsComputed(source));
  CHECK(index < TaskCount(source));
  switch (source.kind) {
    case TaskSource::Kind::kOne:
    case TaskSource::Kind::kList:
      return "null";
    case TaskSource::Kind::kRange:
      // Unsigned, because the way may be longer than int64_t can say.
      return std::to_string(
          static_cast<int64_t>(static_cast<uint64_t>(source.from) +
                               index * static_cast<uint64_t>(source.step)));
    case TaskSource::Kind::kMatrix:
      return MatrixItem(source, index);
  }
  CHECK(false);
  return {};
}

bool IsComputed(const TaskSource& source) {
  return source.kind != TaskSource::Kind::kList;
}

void ItemList::Append(std::string_view json) {
  CHECK(json.find('\n') == std::string_view::npos);
  bytes_ += json;
  bytes_ += '\n';
  ++count_;
}

absl::StatusOr<std::vector<std::string>> ItemList::SplitIntoChunks(
    std::string_view bytes) {
  if (bytes.size() > kBytesMax) {
    return absl::InvalidArgumentError("the items are over " +
                                      std::to_string(kBytesMax) + " bytes");
  }
  std::vector<std::string> chunks;
  uint64_t count = 0;
  size_t chunk_begin = 0;
  size_t at = 0;
  while (at < bytes.size()) {
    const size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) {
      return absl::InvalidArgumentError("the last item is cut off");
    }
    const std::string_view line = bytes.substr(at, end - at);
    if (line.size() > kItemBytesMax) {
      return absl::InvalidArgumentError(
          "item " + std::to_string(count) + " is over " +
          std::to_string(kItemBytesMax) + " bytes");
    }
    if (!IsJson(line)) {
      return absl::InvalidArgumentError("item " + std::to_string(count) +
                                        " is not JSON");
    }
    at = end + 1;
    if (++count % kTasksPerChunk == 0) {
      chunks.emplace_back(bytes.substr(chunk_begin, at - chunk_begin));
      chunk_begin = at;
    }
  }
  if (chunk_begin < bytes.size()) {
    chunks.emplace_back(bytes.substr(chunk_begin));
  }
  return chunks;
}

std::vector<std::string_view> ItemsOfChunk(std::string_view chunk,
                                           uint64_t first, uint64_t count) {
  std::vector<std::string_view> items;
  items.reserve(std::min(count, kTasksPerChunk));
  uint64_t line = 0;
  while (!chunk.empty() && items.size() < count) {
    const size_t end = chunk.find('\n');
    if (line++ >= first) items.push_back(chunk.substr(0, end));
    if (end == std::string_view::npos) break;
    chunk.remove_prefix(end + 1);
  }
  return items;
}

}  // namespace remuda
