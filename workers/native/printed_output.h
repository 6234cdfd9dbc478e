#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/file_descriptor.h"

namespace remuda {

// What the only task that runs prints: standard output and error, which the
// agent has made files. They are emptied after each task.
//
// Thread: that which runs tasks.
class PrintedOutput {
 public:
  explicit PrintedOutput(std::string log_folder);

  // Gives `send` a log message for each of the two to which task `number` has
  // written.
  void Take(uint64_t number,
            const std::function<void(const std::string&)>& send);

 private:
  struct Stream {
    const char* name;
    int fd;
    UniqueFd kept;  // the file, whatever the task does to the descriptor
    bool is_file = false;
  };

  std::string Message(uint64_t number, const Stream& stream, uint64_t size);

  const std::string log_folder_;
  Stream streams_[2];
};

}  // namespace remuda
