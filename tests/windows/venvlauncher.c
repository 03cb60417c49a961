/* Scripts\python.exe of a virtual environment: starts the Python that pyvenv.cfg names, like CPython's PC/launcher.c,
   in a job object, so that ending the launcher also ends Python. */
#include <windows.h>
#include <stdio.h>
#include <string.h>

#define LENGTH 4096

static int read_home(const wchar_t *config, wchar_t *home) {
    FILE *file = _wfopen(config, L"rb");
    if (!file) return 0;
    char line[2 * LENGTH];
    *home = 0;
    while (fgets(line, sizeof line, file)) {
        char *value = strncmp(line, "home", 4) ? NULL : strchr(line, '=');
        if (!value) continue;
        for (value++; *value == ' '; value++) {}
        value[strcspn(value, "\r\n")] = 0;
        MultiByteToWideChar(CP_UTF8, 0, value, -1, home, LENGTH);
    }
    fclose(file);
    return *home != 0;
}

/* Return the part of this process's command line after the program's name. */
static const wchar_t *arguments(void) {
    const wchar_t *at = GetCommandLineW();
    int quoted = 0;
    for (; *at && (quoted || (*at != L' ' && *at != L'\t')); at++) quoted ^= *at == L'"';
    return at;
}

int wmain(void) {
    static wchar_t command[1 << 16];
    wchar_t self[LENGTH], config[LENGTH], home[LENGTH], program[LENGTH + 16];
    GetModuleFileNameW(NULL, self, LENGTH);
    wcscpy(config, self);
    *wcsrchr(config, L'\\') = 0;
    wchar_t *folder = wcsrchr(config, L'\\');
    if (!folder) return 106;
    wcscpy(folder + 1, L"pyvenv.cfg");
    if (!read_home(config, home)) {
        fwprintf(stderr, L"failed to locate pyvenv.cfg\n");
        return 106;
    }
    _snwprintf(program, LENGTH + 16, L"%ls\\python.exe", home);
    /* The first word names the real Python, from which sys._base_executable is set. multiprocessing starts that one,
       because no other process may come between it and its children. */
    _snwprintf(command, (1 << 16) - 1, L"\"%ls\"%ls", program, arguments());
    SetEnvironmentVariableW(L"__PYVENV_LAUNCHER__", self);
    HANDLE job = CreateJobObjectW(NULL, NULL);
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_SILENT_BREAKAWAY_OK;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    STARTUPINFOW startup;
    PROCESS_INFORMATION process;
    GetStartupInfoW(&startup);
    if (!CreateProcessW(program, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process)) {
        fwprintf(stderr, L"failed to start %ls: %lu\n", program, GetLastError());
        return 101;
    }
    AssignProcessToJobObject(job, process.hProcess);
    WaitForSingleObject(process.hProcess, INFINITE);
    DWORD status = 1;
    GetExitCodeProcess(process.hProcess, &status);
    return status;
}
