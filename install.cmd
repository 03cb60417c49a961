@echo off
rem Double-click to install Dioptre: finds a Python, install.py does the rest. Arguments go to install.py.
setlocal
set "here=%~dp0"
set "clicked="
echo "%cmdcmdline%" | find /i "%~nx0" >nul
if not errorlevel 1 set "clicked=yes"
set "python="
for %%P in ("py -3" python python3) do if not defined python call :probe %%~P
if not defined python goto missing
%python% "%here%install.py" %*
set "status=%errorlevel%"
goto end

:probe
%* -c "import sys; sys.exit(sys.version_info < (3, 10))" >nul 2>nul
if not errorlevel 1 set "python=%*"
exit /b

:missing
echo Error: No Python was found.
echo Hint: Install Python 3.13 for Windows, 64-bit: https://www.python.org/downloads/windows/
echo       or type: winget install Python.Python.3.13
echo       Then start install.cmd again.
set "status=1"

:end
if defined clicked pause
exit /b %status%
