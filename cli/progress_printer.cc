#include "cli/progress_printer.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>

namespace remuda {
namespace {

constexpr Duration kBetweenLines = std::chrono::seconds(5);
constexpr size_t kBarsMax = 16;  // more jobs than this share a last line

size_t TerminalWidth() {
  winsize size{};
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
    return 80;
  }
  return size.ws_col;
}

}  // namespace

ProgressPrinter::Style ProgressPrinter::StyleForStderr() {
  return isatty(STDERR_FILENO) == 1 ? Style::kBars : Style::kLines;
}

ProgressPrinter::ProgressPrinter(Style style, const Clock& clock)
    : style_(style), clock_(clock) {}

void ProgressPrinter::Update(const std::vector<JobSummary>& jobs) {
  const MonotonicTime now = clock_.Now();
  for (const JobSummary& job : jobs) meters_[job.id].Update(now, job);
  if (style_ == Style::kBars) DrawBars();
  if (style_ != Style::kLines) return;
  if (!next_line_) next_line_ = now + kBetweenLines;
  if (now < *next_line_) return;
  next_line_ = now + kBetweenLines;
  PrintLines();
}

void ProgressPrinter::DrawBars() {
  std::string text;
  if (lines_drawn_ > 0) {
    text += "\x1b[" + std::to_string(lines_drawn_) + "A";
  }
  lines_drawn_ = 0;
  const size_t width = TerminalWidth();
  for (const auto& [id, meter] : meters_) {
    if (lines_drawn_ == kBarsMax) {
      text += "\r\x1b[K... and " + std::to_string(meters_.size() - kBarsMax) +
              " more jobs\n";
      ++lines_drawn_;
      break;
    }
    text += "\r\x1b[K" + meter.Bar(width) + "\n";
    ++lines_drawn_;
  }
  std::fputs(text.c_str(), stderr);
}

void ProgressPrinter::PrintLines() {
  for (const auto& [id, meter] : meters_) {
    std::fputs((meter.Line() + "\n").c_str(), stderr);
  }
}

void ProgressPrinter::Finish() {
  lines_drawn_ = 0;  // what was drawn stays; anything else goes below it
  std::fflush(stderr);
}

}  // namespace remuda
