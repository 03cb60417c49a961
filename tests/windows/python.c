/* python.exe: finds the DLL next to itself, like CPython's Programs/python.c. */
#include <windows.h>
#include <stdio.h>
#include <wchar.h>

typedef int (*main_function)(int, wchar_t **);

int wmain(int count, wchar_t **arguments) {
    HMODULE library = LoadLibraryExW(L"python311.dll", NULL, LOAD_WITH_ALTERED_SEARCH_PATH);
    if (!library) {
        fwprintf(stderr, L"python311.dll cannot be loaded: %lu\n", GetLastError());
        return 103;
    }
    main_function py_main = (main_function)(void *)GetProcAddress(library, "Py_Main");
    return py_main ? py_main(count, arguments) : 104;
}
