#include "jobs/job_finding.h"

#include <algorithm>
#include <cstdio>

#include "jobs/json_text.h"

namespace remuda {
namespace {

bool IsCode(std::string_view code) {
  return !code.empty() && code.size() <= JobFinding::kCodeBytesMax &&
         std::all_of(code.begin(), code.end(),
                     [](char c) { return c == '_' || (c >= 'a' && c <= 'z'); });
}

// Never in the middle of a character.
void CutEnd(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  text.resize(ValidUtf8Prefix(std::string_view(text).substr(0, bytes_max)));
}

void CutBeginning(std::string& text, size_t bytes_max) {
  if (text.size() <= bytes_max) return;
  size_t from = text.size() - bytes_max;
  while (from < text.size() && (text[from] & 0xC0) == 0x80) ++from;
  text.erase(0, from);
}

// "work, /a/b.py:12", or what of it is known.
std::string PlaceOf(const JobFinding& finding) {
  std::string place = finding.function;
  if (!finding.file.empty()) {
    if (!place.empty()) place += ", ";
    place += finding.file;
    if (finding.line > 0) place += ":" + std::to_string(finding.line);
  }
  return place;
}

}  // namespace

bool IsSame(const JobFinding& a, const JobFinding& b) {
  return a.code == b.code && a.line == b.line && a.function == b.function &&
         a.file == b.file;
}

void Merge(const JobFinding& more, JobFinding& known) {
  known.count = more.count > UINT64_MAX - known.count
                    ? UINT64_MAX
                    : known.count + more.count;
  known.longest = std::max(known.longest, more.longest);
}

JobFinding Clipped(JobFinding finding) {
  if (!IsCode(finding.code)) finding.code = "other";
  CutEnd(finding.text, JobFinding::kTextBytesMax);
  CutEnd(finding.function, JobFinding::kFunctionBytesMax);
  CutBeginning(finding.file, JobFinding::kFileBytesMax);
  finding.longest = std::max(finding.longest, Duration::zero());
  return finding;
}

bool IsWithinLimits(const JobFinding& finding) {
  return IsCode(finding.code) && finding.longest >= Duration::zero() &&
         finding.text.size() <= JobFinding::kTextBytesMax &&
         finding.function.size() <= JobFinding::kFunctionBytesMax &&
         finding.file.size() <= JobFinding::kFileBytesMax;
}

std::string ToText(const JobFinding& finding) {
  std::string text = finding.text.empty() ? finding.code : finding.text;
  const std::string place = PlaceOf(finding);
  if (!place.empty()) text += " (" + place + ")";
  if (finding.count > 1) {
    text += ", seen " + std::to_string(finding.count) + " times";
  }
  if (finding.longest > Duration::zero()) {
    char seconds[32];
    std::snprintf(seconds, sizeof(seconds), ", %.1f s at most",
                  std::chrono::duration<double>(finding.longest).count());
    text += seconds;
  }
  return text;
}

}  // namespace remuda
