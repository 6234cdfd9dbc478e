#include "agent/core/log_uploads.h"

#include <algorithm>

namespace remuda {

void LogUploads::Add(ExecutorKind executor, JobId job, AttemptRecord record,
                     std::string folder) {
  uploads_.push_back({.executor = executor,
                      .job = job,
                      .record = std::move(record),
                      .folder = std::move(folder)});
}

std::optional<ReadLog> LogUploads::TakeRead() {
  if (reading_ || uploads_.empty()) return std::nullopt;
  const Finished& upload = uploads_.front();
  reading_ = true;
  return ReadLog{
      .attempt = {upload.job, upload.record.task, upload.record.fence},
      .folder = upload.folder,
      .stream = stream_,
      .offset = offset_,
      .bytes_max = static_cast<size_t>(
          std::min<uint64_t>(kPieceBytes, kStreamBytesMax - offset_))};
}

std::optional<LogChunk> LogUploads::OnRead(LogRead read) {
  if (!reading_ || uploads_.empty()) return std::nullopt;
  const Finished& upload = uploads_.front();
  const AttemptId id = {upload.job, upload.record.task, upload.record.fence};
  if (read.attempt != id || read.stream != stream_ || read.offset != offset_) {
    return std::nullopt;
  }
  reading_ = false;
  offset_ += read.bytes.size();
  if (read.is_end || read.bytes.empty() || offset_ >= kStreamBytesMax) {
    offset_ = 0;
    if (++stream_ > 2) {
      stream_ = 1;
      finished_.push_back(std::move(uploads_.front()));
      uploads_.pop_front();
    }
  }
  if (read.bytes.empty()) return std::nullopt;
  return LogChunk{.attempt = id,
                  .stream = read.stream,
                  .offset = read.offset,
                  .bytes = std::move(read.bytes)};
}

}  // namespace remuda
