#include "wire/finding_bodies.h"

#include <utility>

#include "absl/status/status.h"
#include "wire/remuda.pb.h"

namespace remuda {

pb::JobFinding FindingToPb(const JobFinding& in) {
  pb::JobFinding out;
  out.set_code(in.code);
  out.set_text(in.text);
  out.set_function(in.function);
  out.set_file(in.file);
  out.set_line(in.line);
  if (in.task) out.set_task(*in.task);
  out.set_count(in.count);
  out.set_longest(in.longest.count());
  return out;
}

absl::StatusOr<JobFinding> FindingFromPb(pb::JobFinding& in) {
  JobFinding out = {.code = std::move(*in.mutable_code()),
                    .text = std::move(*in.mutable_text()),
                    .function = std::move(*in.mutable_function()),
                    .file = std::move(*in.mutable_file()),
                    .line = in.line(),
                    .task = std::nullopt,
                    .count = in.count(),
                    .longest = Duration(in.longest())};
  if (in.has_task()) out.task = in.task();
  if (!IsWithinLimits(out)) {
    return absl::InvalidArgumentError("a finding beyond its limits");
  }
  return out;
}

pb::TaskProgress ProgressToPb(const TaskProgress& in) {
  pb::TaskProgress out;
  out.set_task(in.task);
  out.set_fraction(in.fraction);
  out.set_text(in.text);
  return out;
}

absl::StatusOr<TaskProgress> ProgressFromPb(pb::TaskProgress& in) {
  // Not a number is not within either.
  if (!(in.fraction() >= 0 && in.fraction() <= 1) ||
      in.text().size() > TaskProgress::kTextBytesMax) {
    return absl::InvalidArgumentError("progress beyond its limits");
  }
  return TaskProgress{.task = in.task(),
                      .fraction = in.fraction(),
                      .text = std::move(*in.mutable_text())};
}

}  // namespace remuda
